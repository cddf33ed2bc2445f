"""--device cuda, on an emulated device (argument 2: the same program with one) and on this machine's, where there is one: the first
rounds are the processor's to rounding, states, logs and interrupts go the same ways, and what is missing is said."""

import json
import os
import signal
import subprocess
import sys
import time

from support import PROGRAM, np, orthogonality, sample, scratch

EMULATED = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
NO_DEVICE = 4
WORK = ["--input", "A.npy", "--input", "B.npy", "--method", "full", "--holdout", "0.2", "--seed", "3"]


def run(program, *arguments, folder=None, **environment):
    command = [program] + [str(argument) for argument in arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})
    # The sanitizer warns of the emulated device's fibers.
    done.stderr = "".join(line for line in done.stderr.splitlines(True) if "swapcontext functions" not in line)
    return done


def run_well(*arguments, **named):
    done = run(*arguments, **named)
    assert done.returncode == 0 and done.stderr == "", f"{arguments}: exit code {done.returncode}: {done.stderr}"
    return done


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def report_of(program, folder, *arguments):
    run_well(program, *arguments, "--output", "R.npy", "--report", "r.json", folder=folder)
    return json.loads(content(folder, "r.json"))


def check_first_rounds(program, folder):
    """The start and one round; after that, codes that flipped lead elsewhere. Massive tokens' errors are small differences of large
    float32 values. The figures before and after the rounds are the processor's."""
    for extra in ([], ["--asymmetric", "--block", 16], ["--scale", "search", "--clip", 0.9]):
        arguments = [*WORK, *extra, "--rounds", 1, "--log", "l.jsonl"]
        here = report_of(program, folder, *arguments, "--device", "cpu")
        there = report_of(program, folder, *arguments, "--device", "cuda")
        assert (here["device"], there["device"]) == ("cpu", "cuda")
        assert here["errors"]["hadamard"] == there["errors"]["hadamard"]
        assert len(there["rounds"]) == 2
        assert [json.loads(line) for line in content(folder, "l.jsonl").splitlines()] == there["rounds"]
        for a, b, tolerance in zip(here["rounds"], there["rounds"], (1e-4, 1e-2)):
            for x, y in ((a, b), (a["held_out"], b["held_out"])):
                for figure in ("loss", "ordinary", "massive"):
                    assert abs(x[figure] - y[figure]) <= tolerance * abs(x[figure]), (extra, a["round"], figure, x, y)
        # The last round's figures, from the device, are what the processor then measures for its rotation.
        kept = there["rounds"][there["best_round"]]
        assert abs(kept["loss"] / there["errors"]["refined"]["weighted_loss"] - 1) < 1e-3, (extra, kept)
        assert orthogonality(np.load(os.path.join(folder, "R.npy"))) < 1e-5


def wait_for_lines(process, path, count):
    deadline = time.monotonic() + 300
    while not os.path.exists(path) or content("", path).count(b"\n") < count:
        assert process.poll() is None and time.monotonic() < deadline, "the rounds do not come"
        time.sleep(0.01)


def check_resumed(program, folder):
    """Killed and resumed, the work ends in the same bytes; a checkpoint of the processor is refused."""
    work = [*WORK, "--rounds", 5, "--patience", 0, "--device", "cuda"]
    kept = ["--checkpoint", "c.safetensors", "--resume", "--log", "k.jsonl"]
    run_well(program, *work, "--output", "expected.npy", folder=folder)
    process = subprocess.Popen([program, *map(str, work), *kept, "--output", "R.npy"], cwd=folder, stdout=subprocess.PIPE)
    wait_for_lines(process, os.path.join(folder, "k.jsonl"), 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    os.remove(os.path.join(folder, "k.jsonl"))
    done = run_well(program, *work, *kept, "--output", "R.npy", folder=folder)
    assert "(resumed)" in done.stdout and "on a CUDA device" in done.stdout, done.stdout
    assert content(folder, "k.jsonl").count(b"\n") == 6
    assert content(folder, "R.npy") == content(folder, "expected.npy"), "the resumed run ended elsewhere"
    done = run(program, *work[:-1], "cpu", *kept, "--output", "R.npy", folder=folder)
    assert done.returncode == 3 and "--device was cuda, now it is cpu" in done.stderr, done.stderr


def check_interrupted(program, folder):
    work = [*WORK, "--rounds", "1000000", "--patience", "0", "--device", "cuda", "--log", "i.jsonl", "--checkpoint",
            "i.safetensors", "--output", "I.npy"]
    process = subprocess.Popen([program, *work], cwd=folder, stdout=subprocess.PIPE, text=True)
    wait_for_lines(process, os.path.join(folder, "i.jsonl"), 2)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 130 and "interrupted" in text, (process.returncode, text)
    assert orthogonality(np.load(os.path.join(folder, "I.npy"))) < 1e-5
    assert os.path.exists(os.path.join(folder, "i.safetensors"))


def check_dry_run(program, folder):
    done = run_well(program, *WORK, "--output", "never.npy", "--device", "cuda", "--dry-run", folder=folder)
    assert "device memory: about" in done.stdout and "that are free" in done.stdout and "a round" in done.stdout, done.stdout


def check_what_is_missing(folder):
    """The program as it was built: without CUDA, without a device, or with one, which is then tested as the emulated one is."""
    done = run(PROGRAM, *WORK, "--rounds", 1, "--output", "never.npy", "--device", "cuda", folder=folder)
    if done.returncode == 0:
        os.remove(os.path.join(folder, "never.npy"))
        return True
    assert done.returncode == NO_DEVICE and done.stdout == "" and done.stderr.count("\n") == 1, done
    assert "--device cuda: " in done.stderr, done.stderr
    assert "-DDFROT_CUDA=ON" in done.stderr or "--device cpu needs none" in done.stderr, done.stderr
    assert not os.path.exists(os.path.join(folder, "never.npy"))
    print(done.stderr, end="")
    return False


def check_emulated_refusals(folder):
    done = run(EMULATED, *WORK, "--output", "never.npy", "--device", "cuda", folder=folder, DFROT_EMULATED_DEVICES="0")
    assert done.returncode == NO_DEVICE and "cudaErrorNoDevice" in done.stderr, done
    np.save(os.path.join(folder, "wide.npy"), np.ones((2, 8192), np.float32))  # takes more than the emulated device's gigabyte
    for dry in ([], ["--dry-run"]):
        done = run(EMULATED, "--input", "wide.npy", "--method", "full", "--output", "never.npy", "--device", "cuda", *dry,
                   folder=folder)
        assert done.returncode == NO_DEVICE and "of the device's memory" in done.stderr, done
    assert not os.path.exists(os.path.join(folder, "never.npy"))


def main():
    with scratch() as folder:
        x = sample(rows=1100, channels=32, massive=8)  # more than a block of tokens
        np.save(os.path.join(folder, "A.npy"), x[:700])
        np.save(os.path.join(folder, "B.npy"), x[700:].astype(np.float64))
        programs = [EMULATED] if EMULATED else []
        if check_what_is_missing(folder):
            programs.append(PROGRAM)
        if not programs:
            print("skipped: no device, emulated or not")
            sys.exit(77)
        for program in programs:
            check_first_rounds(program, folder)
            check_resumed(program, folder)
            check_interrupted(program, folder)
            check_dry_run(program, folder)
            for name in ("c.safetensors", "i.jsonl", "k.jsonl"):
                os.remove(os.path.join(folder, name))
        if EMULATED:
            check_emulated_refusals(folder)


main()

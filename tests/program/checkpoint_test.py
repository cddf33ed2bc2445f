"""The full method, killed again and again: resumed, it ends in the bytes of the run that nobody disturbed."""

import os
import random
import signal
import subprocess
import sys
import time

from support import PROGRAM, ROUNDS, np, refine, refine_well, sample, scratch

WORK = ["--input", "X.npy", "--method", "full", "--rounds", str(ROUNDS), "--patience", "0", "--holdout", "0.2", "--seed",
        "3"]
KEPT = ["--checkpoint", "c.safetensors"]


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def kill_and_resume(folder, moments):
    """Runs with --resume, killed after each of the moments that it reaches, then to the end. Returns how often it was killed."""
    kills = 0
    for moment in moments:
        process = subprocess.Popen([PROGRAM, *WORK, *KEPT, "--resume", "--output", "R.npy"], cwd=folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, errors = process.communicate()
        assert errors == b"", errors
        whole = {"X.npy", "c.safetensors", "R.npy", "expected.npy"}
        left = {name for name in os.listdir(folder) if not name.endswith(".tmp")}
        assert left <= whole, left
        assert process.returncode in (0, -signal.SIGKILL), process.returncode
    refine_well(*WORK, *KEPT, "--resume", "--output", "R.npy", folder=folder)
    return kills


def check_refusals(folder):
    for change, word in ((["--seed", "4"], "--seed was 3, now it is 4"), (["--momentum", "0.5"], "--momentum"),
                         (["--target-clip", "1"], "--target-clip was"), (["--rounds", "7"], "--rounds")):
        done = refine(*WORK, *change, *KEPT, "--resume", "--output", "R2.npy", folder=folder)
        if done.returncode == 2:  # given twice: the command line refuses before the checkpoint does
            kept = [word for word in WORK]
            place = kept.index(change[0])
            kept[place + 1] = change[1]
            done = refine(*kept, *KEPT, "--resume", "--output", "R2.npy", folder=folder)
        assert done.returncode == 3 and word in done.stderr and "c.safetensors" in done.stderr, done.stderr
    x = np.load(os.path.join(folder, "X.npy"))
    x[11, 5] += 0.5
    np.save(os.path.join(folder, "X.npy"), x)
    done = refine(*WORK, *KEPT, "--resume", "--output", "R2.npy", folder=folder)
    assert done.returncode == 3 and "content of the input" in done.stderr, done.stderr
    whole = content(folder, "c.safetensors")
    for damaged in (whole[:5], whole[:200], whole[:-1], b"\xff" * 8 + whole[8:]):
        with open(os.path.join(folder, "c.safetensors"), "wb") as file:
            file.write(damaged)
        done = refine(*WORK, *KEPT, "--resume", "--output", "R2.npy", folder=folder)
        assert done.returncode == 3 and "c.safetensors" in done.stderr, (len(damaged), done.stderr)
    assert "R2.npy" not in os.listdir(folder)


def main():
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"moments by seed {seed}")
    generator = random.Random(seed)
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=1200, channels=256))
        began = time.monotonic()
        refine_well(*WORK, "--output", "expected.npy", folder=folder)
        whole = time.monotonic() - began
        kills = kill_and_resume(folder, [generator.uniform(0.1, 0.5) * whole for _ in range(10)])
        print(f"killed {kills} times; {whole:.2f} s undisturbed")
        if kills == 0:
            sys.exit("nothing was killed")
        assert content(folder, "R.npy") == content(folder, "expected.npy"), "the resumed run ended elsewhere"
        check_refusals(folder)


main()

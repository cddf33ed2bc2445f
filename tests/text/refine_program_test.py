#!/usr/bin/env python3
"""dfrot-llm refine: a rotation that perplexity would have refined itself; killed at any moment and started again, the same bytes."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

from support import PROGRAM, check, data_folder, finish, numpy_or_skip, perplexity, run

numpy = numpy_or_skip()
KEPT = "R.npy.checkpoint"


def command(model, folder, *options):
    return ["refine", model, "--ids", folder / "ids.npy", "--bos", "1", "--context", "128", *options]


def orthogonality(rotation):
    r = rotation.astype(numpy.float64)
    return numpy.linalg.norm(r.T @ r - numpy.eye(len(r))) / len(r) ** 0.5


def check_methods(model, folder):
    """The same figures as the rotation that `perplexity` refines, and a report that agrees with itself."""
    for method, scale, reach in (("refined", "max", "max"), ("refined", "search", "search"), ("paper", "max", "search"),
                                 ("short", "max", "max")):
        rotation = folder / f"{method}-{scale}.npy"
        done = run(*command(model, folder, "--method", method, "--scale", scale, "--seed", 3, "--sequences", 3, "--output",
                            rotation, "--report", folder / "r.json", "--plot", folder / "r.svg"))
        check(done.returncode == 0, f"{method}: exit status {done.returncode}: {done.stderr[-300:]}")
        if done.returncode != 0:
            continue
        check(orthogonality(numpy.load(rotation)) < 1e-6, f"{method}: no rotation: {orthogonality(numpy.load(rotation))}")
        check(not pathlib.Path(f"{rotation}.checkpoint").exists(), f"{method}: a checkpoint is left")
        report = json.loads((folder / "r.json").read_text(encoding="utf-8"))
        check(report["rows"] == 3 * 128 * 10 == len(report["norms"]) * 384 and report["channels"] == 64, f"{method}: {report}")
        if method == "refined":
            check(report["errors"]["refined"]["weighted_loss"] < report["errors"]["hadamard"]["weighted_loss"],
                  f"{method}: {report['errors']}")
        shown = folder.joinpath("r.svg").read_text(encoding="utf-8")
        check(shown.startswith("<") and shown.rstrip().endswith("</svg>"), f"{method}: a picture: {shown[:40]}")
        found = perplexity(model, folder / "ids.npy", folder, "--context", "128", "--sequences", "2", "--calibration-sequences", 3,
                           "--seed", 3, "--range", reach, "--schemes", "16-4-16", "--rotations", f"{method},{rotation}")["results"]
        check(len(found) == 2, f"two results: {found}")
        if len(found) == 2:
            # A short rotation is applied as a Hadamard and two vectors, not as its matrix.
            off = abs(found[0]["perplexity"] / found[1]["perplexity"] - 1)
            check(off <= (0.02 if method == "short" else 0), f"{method}, {scale}: {found[0]['perplexity']}, {found[1]['perplexity']}")


def interrupt(line, folder, number, rounds):
    """Sends a signal once so many rounds are in the checkpoint that were not there before. Returns the exit status: the program's own
    where it was quicker."""
    def version():
        try:
            status = os.stat(folder / KEPT)
            return status.st_ino, status.st_mtime_ns
        except FileNotFoundError:
            return None

    seen = version()
    process = subprocess.Popen([PROGRAM, *map(str, line)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 100
    while process.poll() is None and rounds > 0 and time.monotonic() < end:
        if version() not in (seen, None):
            seen = version()
            rounds -= 1
        time.sleep(0.001)
    process.send_signal(number)
    _, errors = process.communicate()
    check(all("round" in each or "layer" in each for each in errors.splitlines()), f"signal {number}: {errors}")  # a slow machine
    return process.returncode


def check_interruptions(model, folder):
    options = ["--method", "refined", "--rounds", "40", "--sequences", "6", "--seed", "5", "--output"]
    done = run(*command(model, folder, *options, folder / "whole.npy"))
    check(done.returncode == 0, f"undisturbed: {done.stderr[-300:]}")
    expected = (folder / "whole.npy").read_bytes()
    line = command(model, folder, *options, folder / "R.npy")
    rotation = folder / "R.npy"

    status = 0
    for _ in range(10):
        rotation.unlink(missing_ok=True)
        status = interrupt(line, folder, signal.SIGINT, 1)
        if status != 0:  # it was not quicker
            break
    kept = (folder / KEPT).exists() and rotation.exists()
    check(status == 130 and kept, f"Ctrl-C: exit status {status}, the best so far and the state: {sorted(folder.iterdir())}")
    if kept:
        check(orthogonality(numpy.load(rotation)) < 1e-6 and rotation.read_bytes() != expected, "Ctrl-C: a rotation, not the last")

    seed = int.from_bytes(os.urandom(4), "little")
    generator = random.Random(seed)
    kills = 0
    for _ in range(20):
        status = interrupt(line, folder, signal.SIGKILL, generator.randint(0, 5))
        kills += status == -signal.SIGKILL
        check(status in (0, -signal.SIGKILL), f"killed: {status}")
        if status == 0:  # it was quicker: begin anew
            kills = 0
        elif kills == 3:
            break
    check(kills == 3 and (folder / KEPT).exists(), f"moments by seed {seed}: killed {kills} times in one piece of work")

    done = run(*command(model, folder, *options[:-2], "6", "--output", rotation))
    check(done.returncode == 3 and "--seed was 5, now it is 6" in done.stderr, f"another seed: {done.returncode}: {done.stderr}")
    other = folder / "other"
    shutil.copytree(model, other)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    config["rms_norm_eps"] = 2e-5
    (other / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = run(*command(other, folder, *options, rotation))
    check(done.returncode == 3 and "norms' outputs" in done.stderr, f"another model: {done.returncode}: {done.stderr}")

    done = run(*line)
    check(done.returncode == 0, f"resumed: {done.stderr[-300:]}")
    check(rotation.read_bytes() == expected, "resumed, the same bytes")
    check(not (folder / KEPT).exists(), "a checkpoint is left")


def check_usage(model, folder):
    before = sorted(path.name for path in folder.iterdir())
    done = run(*command(model, folder, "--output", folder / "new.npy", "--dry-run"))
    check(done.returncode == 0 and "memory: about" in done.stdout and "nothing was refined" in done.stdout, f"--dry-run: {done}")
    for options, status, word in ((["--method", "paper", "--scale", "search"], 2, "--method paper"),
                                  (["--layers", "5"], 3, "--layers begins with 5"), (["--sites", "down"], 2, "'down'"),
                                  (["--massive", "0"], 2, "--massive"), (["--stride", "5"], 2, "--stride"), (["--sequences", "900"], 3, "900")):
        done = run(*command(model, folder, "--output", folder / "new.npy", *options))
        check(done.returncode == status and word in done.stderr, f"{options}: {done.returncode}: {done.stderr}")
    done = run(*command(model, folder, "--output", folder / "ids.npy"))
    check(done.returncode == 2 and "ids.npy" in done.stderr, f"onto the ids: {done.returncode}: {done.stderr}")
    done = run(*command(model, folder, "--output", folder / "new.npy", "--report", folder / "new.npy.checkpoint"))
    check(done.returncode == 2 and "new.npy.checkpoint" in done.stderr, f"onto the checkpoint: {done.returncode}: {done.stderr}")
    check(sorted(path.name for path in folder.iterdir()) == before, "nothing is written")


def check_heads(model, folder):
    """Rotations of heads leave the model what it is, wherever they are folded; and errors of heads are less than the Hadamard's."""
    heads, report = folder / "H.npy", folder / "h.json"
    line = command(model, folder, "--of", "heads", "--seed", 3, "--sequences", 3, "--output", heads, "--report", report)
    done = run(*line, "--dry-run")
    check(done.returncode == 0 and "memory: about" in done.stdout and not heads.exists(), f"heads, --dry-run: {done}")
    done = run(*line)
    check(done.returncode == 0, f"heads: exit status {done.returncode}: {done.stderr[-300:]}")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    width = config["hidden_size"] // config["num_attention_heads"]
    count = config["num_hidden_layers"] * config["num_key_value_heads"]
    rotations = numpy.load(heads)
    check(rotations.shape == (count * width, width), f"heads: {rotations.shape}")
    blocks = rotations.reshape(count, width, width)
    check(max(map(orthogonality, blocks)) < 1e-6, "heads: no rotations")
    check(len({block.tobytes() for block in blocks}) == count, "heads: one rotation for several")
    found = json.loads(report.read_text(encoding="utf-8"))["heads"]
    places = [(each["layer"], each["head"]) for each in found]
    check(places == sorted(set(places)) and len(places) == count, f"heads: {places}")
    check(all(each["refined"]["weighted_loss"] < each["hadamard"]["weighted_loss"] for each in found), f"heads: {found}")

    def kl(at, *options):
        results = perplexity(at, folder / "ids.npy", folder, "--context", "128", "--sequences", "2", "--seed", 3, *options)["results"]
        return {each["scheme"]: each for each in results}

    turned = kl(model, "--rotations", "hadamard", "--heads", heads, "--schemes", "16-16-16,16-4-16", "--only", "output")
    plain = kl(model, "--rotations", "hadamard", "--schemes", "16-16-16,16-4-16", "--only", "output")
    check(abs(turned["16-16-16"]["perplexity"] / plain["16-16-16"]["perplexity"] - 1) < 1e-4, f"heads change the model: {turned}")
    check(turned["16-4-16"]["kl"] != plain["16-4-16"]["kl"], f"heads change nothing that is rounded: {turned}")
    done = run("export", model, "--heads", heads, "--seed", 3, "--type", "float32", "--output", folder / "exported")
    check(done.returncode == 0, f"heads, export: {done.stderr[-300:]}")
    exported = kl(folder / "exported", "--rotations", "none", "--schemes", "16-16-16")
    check(abs(exported["16-16-16"]["perplexity"] / plain["16-16-16"]["perplexity"] - 1) < 1e-4, f"exported: {exported}")
    shutil.rmtree(folder / "exported")

    numpy.save(folder / "wrong.npy", rotations[:width])
    numpy.save(folder / "skewed.npy", numpy.concatenate([rotations[:width], 2 * rotations[width:]]))
    for path, word in (("wrong.npy", f"{count * width} x {width}"), ("skewed.npy", "layer 0, head 1"), ("none.npy", "none.npy")):
        for into in (["perplexity", model, "--ids", folder / "ids.npy"], ["export", model, "--output", folder / "exported"],
                     ["quantize", model, "--format", "dfrot", "--output", folder / "exported"]):
            done = run(*into, "--heads", folder / path)
            check(done.returncode == 3 and word in done.stderr, f"{path}, {into[0]}: {done.returncode}: {done.stderr}")
    done = run(*command(model, folder, "--of", "heads", "--output", folder / "new.npy", "--layers", "0-1"))
    check(done.returncode == 2 and "--layers" in done.stderr, f"heads of some layers: {done.returncode}: {done.stderr}")
    check(not (folder / "exported").exists() and not (folder / "new.npy").exists(), "heads: nothing is written")


def main():
    model = data_folder() / "stories260k"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        numpy.save(folder / "ids.npy", numpy.random.default_rng(5).integers(3, 512, 1000).astype(numpy.int32))
        check_usage(model, folder)
        check_methods(model, folder)
        check_heads(model, folder)
        check_interruptions(model, folder)
    finish()


main()

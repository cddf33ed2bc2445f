"""The methods and what goes with them: files that follow one another, the log, the choice of the start, --dry-run, little memory."""

import json
import os
import resource
import subprocess

from support import PROGRAM, np, orthogonality, quantized_symmetric, refine, refine_well, sample, scratch, token_errors


def report_of(folder, *arguments):
    refine_well(*arguments, "--report", "r.json", folder=folder)
    with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
        return json.load(file)


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def check_short(folder, x):
    report = report_of(folder, "--input", "X.npy", "--method", "short", "--output", "R.npy", "--short-output", "R.short", "--log",
                       "l.jsonl", "--holdout", 0.25, "--start-output", "S.npy")
    rotation = np.load(os.path.join(folder, "R.npy")).astype(np.float64)
    start = np.load(os.path.join(folder, "S.npy")).astype(np.float64)
    assert report["method"]["name"] == "short" and 1 <= report["method"]["rank"] <= 8, report["method"]
    assert orthogonality(rotation) < 1e-5
    turned = np.linalg.matrix_rank(rotation - start, tol=1e-4)
    assert turned <= report["method"]["rank"], (turned, report["method"])
    held_out = report["holdout"]
    assert held_out["refined"]["massive"] < 0.5 * held_out["hadamard"]["massive"], held_out
    assert abs(held_out["refined"]["ordinary"] - held_out["hadamard"]["ordinary"]) < 0.02 * held_out["hadamard"]["ordinary"]
    with open(os.path.join(folder, "l.jsonl"), encoding="utf-8") as file:
        assert [json.loads(line) for line in file] == report["rounds"]
    # The compact file, read as its documentation says, is the same rotation.
    b = content(folder, "R.short")
    n, a, d = np.frombuffer(b, "<u8", 3, 8).astype(int)
    k = 40 + -(-n // 8) * 8
    axes = np.frombuffer(b, "<u8", a, k).astype(int)
    k += 8 * a
    u = np.vstack([np.eye(n)[axes], np.frombuffer(b, "<f8", d * n, k).reshape(d, n)])
    k += 8 * d * n
    s = np.frombuffer(b, "<f8", (a + d) ** 2, k).reshape(a + d, a + d)
    low_rank = np.eye(n) + u.T @ (s - np.eye(a + d)) @ u
    assert np.abs(low_rank @ start - rotation).max() < 1e-5


def check_several_files(folder, x):
    np.save(os.path.join(folder, "A.npy"), x[:100])
    np.save(os.path.join(folder, "B.npy"), np.asfortranarray(x[100:101]))
    np.save(os.path.join(folder, "C.npy"), x[101:])
    for method in ("short", "full"):
        refine_well("--input", "X.npy", "--method", method, "--rounds", 4, "--output", "one.npy", folder=folder)
        refine_well("--input", "A.npy", "--input", "B.npy", "--input", "C.npy", "--method", method, "--rounds", 4, "--output",
                    "three.npy", folder=folder)
        assert content(folder, "one.npy") == content(folder, "three.npy"), method


def check_starts(folder, x):
    """--starts keeps the Hadamard with the least loss on the held-out rows."""
    losses = []
    for seed in (5, 6, 7):
        one = report_of(folder, "--input", "X.npy", "--seed", seed, "--rounds", 0, "--output", "R.npy")
        losses.append(one["errors"]["hadamard"]["weighted_loss"])
    chosen = report_of(folder, "--input", "X.npy", "--seed", 5, "--starts", 3, "--rounds", 0, "--output", "R.npy")
    assert chosen["start_seed"] == 5 + int(np.argmin(losses)), (chosen["start_seed"], losses)
    assert chosen["errors"]["hadamard"]["weighted_loss"] == min(losses)


def check_blocks(folder, x):
    refine_well("--input", "X.npy", "--method", "full", "--block", 32, "--rounds", 5, "--output", "R.npy", "--start-output",
                "S.npy", folder=folder)
    rotation, start = (np.load(os.path.join(folder, name)).astype(np.float64) for name in ("R.npy", "S.npy"))
    inside = start.T @ rotation
    for i in range(0, len(inside), 32):
        inside[i:i + 32, i:i + 32] = 0
    assert np.abs(inside).max() < 1e-5, "R is no block-diagonal rotation after the start"
    before, after = (token_errors(x @ r, quantized_symmetric).sum() for r in (start, rotation))
    assert after < before, (before, after)


def check_first_share(folder):
    """The first rounds measure a share of the ordinary tokens, the others all; figures compare what was measured on the same ones."""
    np.save(os.path.join(folder, "many.npy"), sample(rows=8192, channels=32))
    work = ["--input", "many.npy", "--method", "full", "--rounds", 4, "--patience", 0, "--output", "R.npy"]
    whole = report_of(folder, *work)
    kept = ["--first-share", 0.5, "--first-rounds", 2, "--checkpoint", "c.st"]
    report = report_of(folder, *work, *kept, "--plot", "p.svg")
    assert [each.get("share", 1) for each in report["rounds"]] == [0.5, 0.5, 1, 1, 1], report["rounds"]
    assert all("share" not in each for each in whole["rounds"])
    # Massive tokens all take part: the start's error on them is the same, and its loss is less.
    first, start = report["rounds"][0], whole["rounds"][0]
    assert first["massive"] == start["massive"] and first["loss"] < start["loss"], (first, start)
    assert report["best_round"] >= 2 and report["errors"]["refined"]["weighted_loss"] < start["loss"]
    assert b"nan" not in content(folder, "p.svg")
    done = refine(*work, "--first-share", 0.25, *kept[2:], "--resume", folder=folder)
    assert done.returncode == 3 and "--first-share was 0.5, now it is 0.25" in done.stderr, done.stderr


def check_dry_run(folder):
    names = sorted(os.listdir(folder))
    done = refine_well("--input", "X.npy", "--method", "full", "--output", "never.npy", "--dry-run", folder=folder)
    assert "memory: about" in done.stdout and "a round" in done.stdout, done.stdout
    assert sorted(os.listdir(folder)) == names


def check_little_memory(folder):
    """A file larger than the address space that the program may have."""
    if os.environ.get("DFROT_TEST_ROUNDS"):
        print("skipped: the address sanitizer needs more address space than this check allows")
        return
    megabyte = 1 << 20
    limit = 400 * megabyte
    rows = sample(rows=8192, channels=256)
    file = np.lib.format.open_memmap(os.path.join(folder, "large.npy"), mode="w+", dtype=np.float32,
                                     shape=(int(1.25 * limit) // 1024, 256))
    for first in range(0, len(file), len(rows)):
        file[first:first + len(rows)] = rows[:len(file) - first]
    file.flush()
    del file
    assert os.path.getsize(os.path.join(folder, "large.npy")) > limit
    for method in ("short", "full"):
        done = subprocess.run([PROGRAM, "--input", "large.npy", "--method", method, "--rounds", "1", "--threads", "2",
                               "--output", "R.npy"], cwd=folder, capture_output=True, text=True, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        assert done.returncode == 0, done.stderr
    os.remove(os.path.join(folder, "large.npy"))


def main():
    with scratch() as folder:
        x = sample(rows=400, channels=128, massive=16)
        x[:16, 20:23] = 1.5, -0.7, 0.4  # one channel alone would be quantized well by the Hadamard
        np.save(os.path.join(folder, "X.npy"), x)
        x = x.astype(np.float64)
        check_short(folder, x)
        check_several_files(folder, x)
        check_starts(folder, x)
        check_blocks(folder, x)
        check_first_share(folder)
        check_dry_run(folder)
        check_little_memory(folder)


main()

"""Same seed, any number of threads: the same bytes. Another seed: another rotation. By default, a thread a usable processor."""

import os
import re
import subprocess

from support import PROGRAM, np, refine_well, sample, scratch


def default_threads(processors):
    """What --help says is the default, where the program may use these processors only."""
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, processors))
    return int(re.search(r"--threads [A-Z]+=(\d+)", done.stdout).group(1))


def check_default():
    if not hasattr(os, "sched_setaffinity"):
        print("skipped: the affinity of processes cannot be set here")
        return
    usable = os.sched_getaffinity(0)
    assert default_threads({min(usable)}) == 1
    assert 1 <= default_threads(usable) <= len(usable)


def outputs(folder, threads, seed=7, extra=("--method", "full")):
    names = {"--output": "R.npy", "--start-output": "S.npy", "--csv": "t.csv"}
    refine_well("--input", "X.npy", "--rounds", 3, "--seed", seed, "--threads", threads, "--holdout", 0.2, *extra,
                *[word for pair in names.items() for word in pair], folder=folder, warns=True)
    contents = {}
    for name in names.values():
        with open(os.path.join(folder, name), "rb") as file:
            contents[name] = file.read()
    return contents


def main():
    check_default()
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=300, channels=192))
        for extra in ((), ("--method", "short"), ("--method", "short", "--starts", 3, "--scale", "search"),
                      ("--method", "full", "--rotation", "orthogonal", "--massive", "compare", "--scale", "search")):
            one = outputs(folder, 1, extra=extra)
            for threads in (2, 5, 4096):
                other = outputs(folder, threads, extra=extra)
                for name, content in one.items():
                    assert other[name] == content, f"{name} depends on the number of threads ({threads})"
            assert outputs(folder, 2, seed=11, extra=extra)["R.npy"] != one["R.npy"], "the seed has no effect"


main()

"""Same seed, any number of threads: the same bytes. Another seed: another rotation."""

import os

from support import np, refine_well, sample, scratch


def outputs(folder, threads, seed=7, extra=("--method", "full")):
    names = {"--output": "R.npy", "--start-output": "S.npy", "--csv": "t.csv"}
    refine_well("--input", "X.npy", "--rounds", 3, "--seed", seed, "--threads", threads, "--holdout", 0.2, *extra,
                *[word for pair in names.items() for word in pair], folder=folder)
    contents = {}
    for name in names.values():
        with open(os.path.join(folder, name), "rb") as file:
            contents[name] = file.read()
    return contents


def main():
    with scratch() as folder:
        np.save(os.path.join(folder, "X.npy"), sample(rows=300, channels=192))
        for extra in ((), ("--method", "short"), ("--method", "short", "--starts", 3, "--scale", "search"),
                      ("--method", "full", "--rotation", "orthogonal", "--massive", "compare", "--scale", "search")):
            one = outputs(folder, 1, extra=extra)
            for threads in (2, 5):
                other = outputs(folder, threads, extra=extra)
                for name, content in one.items():
                    assert other[name] == content, f"{name} depends on the number of threads ({threads})"
            assert outputs(folder, 2, seed=11, extra=extra)["R.npy"] != one["R.npy"], "the seed has no effect"


main()

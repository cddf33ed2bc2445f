"""Files go to and fro between numpy and the program: every type, both memory orders, versions 1 to 3."""

import itertools
import json
import os
import warnings

from support import np, refine_well, sample, scratch

CHANNELS = 24


def signed_permutation():
    """Orthogonal, not symmetric, and exact in every floating-point type."""
    generator = np.random.default_rng(5)
    rotation = np.eye(CHANNELS)[generator.permutation(CHANNELS)]
    return rotation * generator.choice([-1.0, 1.0], size=CHANNELS)


def save(path, array, version):
    with open(path, "wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns about versions that old programs cannot read
        np.lib.format.write_array(file, array, version=version)


def check_rotation(folder, rotation, dtype, order, version):
    """Without rounds the program writes the rotation that it has read, as float32 in the bytes that numpy writes."""
    save(os.path.join(folder, "Q.npy"), np.asarray(rotation, dtype=dtype, order=order), version)
    refine_well("--input", "X.npy", "--method", "full", "--rotation", "Q.npy", "--rounds", 0, "--output", "R.npy", folder=folder)
    np.save(os.path.join(folder, "expected.npy"), rotation.astype("<f4"))
    contents = []
    for name in ("R.npy", "expected.npy"):
        with open(os.path.join(folder, name), "rb") as file:
            contents.append(file.read())
    assert contents[0] == contents[1], (dtype, order, version)


def figures(folder, array, version):
    save(os.path.join(folder, "Y.npy"), array, version)
    refine_well("--input", "Y.npy", "--rounds", 0, "--output", "R.npy", "--report", "r.json", folder=folder)
    with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
        return json.load(file)["errors"]


def main():
    cases = list(itertools.product(("<f2", "<f4", "<f8"), "CF", ((1, 0), (2, 0), (3, 0))))
    with scratch() as folder:
        x = sample(rows=40, channels=CHANNELS).astype("<f2")  # so that every type holds the same values
        np.save(os.path.join(folder, "X.npy"), x)
        expected = figures(folder, x, (1, 0))
        for dtype, order, version in cases:
            check_rotation(folder, signed_permutation(), dtype, order, version)
            found = figures(folder, np.asarray(x, dtype=dtype, order=order), version)
            assert found == expected, (dtype, order, version)


main()

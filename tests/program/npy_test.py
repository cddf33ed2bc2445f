"""Files go to and fro between numpy and the program: every type, both memory orders, versions 1 to 3; bfloat16 where it is asked for."""

import itertools
import json
import os
import warnings

from support import np, refine, refine_well, sample, scratch

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


def bfloat16_file(path, x, descr, order):
    """Writes x, cut to bfloat16, in the bytes of numpy.save() with ml_dtypes (<V2; |V2 once loaded and saved again), or as <u2."""
    bits = (np.ascontiguousarray(x, "<f4").view("<u4") >> 16).astype("<u2")
    header = f"{{'descr': '{descr}', 'fortran_order': {order == 'F'}, 'shape': {x.shape}, }}"
    header += " " * (118 - 1 - len(header)) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bits.tobytes(order))
    return (bits.astype("<u4") << 16).view("<f4")


def check_bfloat16(folder, x):
    for descr, order in itertools.product(("<V2", "|V2", "<u2"), "CF"):
        rounded = bfloat16_file(os.path.join(folder, "B.npy"), x, descr, order)
        expected = figures(folder, rounded, (1, 0))
        refine_well("--input", "B.npy", "--bfloat16", "--rounds", 0, "--output", "R.npy", "--report", "r.json", folder=folder)
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            assert json.load(file)["errors"] == expected, (descr, order)
        done = refine("--input", "B.npy", "--rounds", 0, "--output", "R2.npy", folder=folder)
        assert done.returncode == 3 and not os.path.exists(os.path.join(folder, "R2.npy")), done.stderr
        if descr != "<u2":
            assert "bfloat16" in done.stderr and "--bfloat16" in done.stderr and descr in done.stderr, done.stderr
    # Where each item has a type of its own, the option changes nothing.
    refine_well("--input", "X.npy", "--bfloat16", "--rounds", 0, "--output", "R.npy", folder=folder)
    for descr in ("<V1", "|V4", "<V2000000000000000000000", "|V", "<u1", "<i2", ">V2", ">u2"):
        bfloat16_file(os.path.join(folder, "B.npy"), x, descr, "C")
        done = refine("--input", "B.npy", "--bfloat16", "--rounds", 0, "--output", "R2.npy", folder=folder)
        assert done.returncode == 3 and descr in done.stderr, (descr, done.stderr)
    try:
        import ml_dtypes
    except ImportError:
        print("skipped: a file that numpy itself writes: ml_dtypes is not installed")
        return
    array = np.asarray(x, np.float32).astype(ml_dtypes.bfloat16)
    expected = figures(folder, array.astype("<f4"), (1, 0))
    np.save(os.path.join(folder, "B.npy"), array)
    refine_well("--input", "B.npy", "--bfloat16", "--rounds", 0, "--output", "R.npy", "--report", "r.json", folder=folder)
    with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
        assert json.load(file)["errors"] == expected


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
        check_bfloat16(folder, x.astype("<f4"))


main()

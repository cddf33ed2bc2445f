"""Bad input: exit code 3, one clear line on standard error, nothing written, nothing left behind."""

import os
import pickle

from support import np, refine, sample, scratch

OUTPUTS = ("--method", "full", "--output", "R.npy", "--start-output", "S.npy", "--report", "r.json", "--plot", "p.svg", "--csv", "t.csv")


def snapshot(folder):
    contents = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                contents[path] = file.read()
    return contents


def require_refusal(folder, arguments, *words):
    before = snapshot(folder)
    done = refine(*arguments, folder=folder)
    assert done.returncode == 3, f"{arguments}: exit code {done.returncode}, {done.stderr}"
    assert done.stdout == "", f"{arguments}: {done.stdout}"
    assert done.stderr.endswith("\n") and done.stderr.count("\n") == 1, f"{arguments}: {done.stderr!r}"
    for word in words:
        assert word in done.stderr, f"{arguments}: '{word}' is missing in: {done.stderr}"
    assert snapshot(folder) == before, f"{arguments}: something was written"
    print(done.stderr, end="")


def bad_arrays(good):
    """File name, content as bytes or array, words that the message must contain."""
    broken = good.copy()
    broken[7, 3] = np.nan
    infinite = good.copy()
    infinite[2, 0] = -np.inf
    yield "nan.npy", broken, ("row 7", "column 3", "nan")
    yield "infinity.npy", infinite, ("row 2", "column 0", "inf")
    yield "big_endian.npy", good.astype(">f4"), ("big-endian",)
    yield "cube.npy", good.reshape(10, 4, 16), ("(10, 4, 16)", "3-D")
    yield "line.npy", good.reshape(-1), ("(640,)", "1-D")
    yield "no_rows.npy", good[:0], ("0 rows",)
    yield "no_columns.npy", good[:, :0], ("0 columns",)
    yield "integers.npy", good.astype(np.int32), ("integers",)
    yield "complex.npy", good.astype(np.complex64), ("complex",)
    yield "objects.npy", good.astype(object), ("objects",)
    yield "huge_values.npy", good.astype(np.float64) * 1e300, ("too large",)
    yield "odd_order.npy", np.ones((3, 77), np.float32), ("77", "76", "80")
    yield "large_order.npy", np.ones((2, 13696), np.float32), ("13696",)
    yield "pickle.npy", pickle.dumps({"x": good}), ("pickle",)
    yield "empty.npy", b"", ("empty",)
    yield "text.npy", b"0.5 0.25\n", ("not an .npy",)


def check_inputs(folder, good):
    for name, content, words in bad_arrays(good):
        path = os.path.join(folder, name)
        if isinstance(content, bytes):
            with open(path, "wb") as file:
                file.write(content)
        else:
            np.save(path, content, allow_pickle=True)
        require_refusal(folder, ["--input", name, *OUTPUTS], name, *words)
    np.savez(os.path.join(folder, "archive.npz"), x=good)
    require_refusal(folder, ["--input", "archive.npz", *OUTPUTS], "zip")
    with open(os.path.join(folder, "good.npy"), "rb") as file:
        whole = file.read()
    for size in (5, 9, 60, 127, 128, len(whole) - 1):
        with open(os.path.join(folder, "cut.npy"), "wb") as file:
            file.write(whole[:size])
        require_refusal(folder, ["--input", "cut.npy", *OUTPUTS], "cut.npy")
    require_refusal(folder, ["--input", "cut.npy", *OUTPUTS], "truncated", "2560", "2559")
    require_refusal(folder, ["--input", "absent.npy", *OUTPUTS], "absent.npy", "No such file")
    require_refusal(folder, ["--input", ".", *OUTPUTS], "directory")


def check_overflow(folder):
    """Rows that are finite, but not under a rotation: named as the user counts them, in the file that holds them."""
    rows = sample(rows=3000, channels=64)
    for bad in (0, 1023, 1024, 2500, 2999):
        broken = rows.copy()
        broken[bad] = 3e38
        np.save(os.path.join(folder, "huge.npy"), broken)
        words = ("huge.npy", f"row {bad} ", "finite", "overflows when it is rotated")
        for method in ("full", "short"):
            require_refusal(folder, ["--input", "huge.npy", "--method", method, "--output", "R.npy"], *words)
        require_refusal(folder, ["--input", "huge.npy", "--rotation", "orthogonal", *OUTPUTS], *words)
    np.save(os.path.join(folder, "first.npy"), rows[:1500])
    np.save(os.path.join(folder, "second.npy"), broken[1500:])
    require_refusal(folder, ["--input", "first.npy", "--input", "second.npy", *OUTPUTS], "second.npy: row 1499 ", "overflows")


def check_rotations(folder):
    for name, rotation, words in (("skewed.npy", np.eye(16) * 1.01, ("not orthogonal", "0.0201")),
                                  ("small.npy", np.eye(8), ("8 x 8", "16 x 16")),
                                  ("holes.npy", np.full((16, 16), np.nan), ("not orthogonal",))):
        np.save(os.path.join(folder, name), rotation)
        require_refusal(folder, ["--input", "good.npy", "--rotation", name, *OUTPUTS], name, *words)
    require_refusal(folder, ["--input", "good.npy", "--rotation", "absent.npy", *OUTPUTS], "absent.npy")


def check_outputs(folder):
    os.mkdir(os.path.join(folder, "a_folder"))
    good = ["--input", "good.npy"]
    require_refusal(folder, [*good, "--output", "absent/R.npy"], "absent/R.npy", "folder")
    require_refusal(folder, [*good, "--output", "a_folder"], "a_folder", "folder")
    require_refusal(folder, [*good, "--output", "good.npy/R.npy"], "good.npy/R.npy")
    # The last output is tested before the work starts, too.
    require_refusal(folder, [*good, "--output", "R.npy", "--csv", "absent/t.csv"], "absent/t.csv")
    read_only = os.path.join(folder, "read_only.npy")
    with open(read_only, "wb"):
        pass
    os.chmod(read_only, 0o444)
    if os.geteuid() != 0:  # the administrator may write everywhere
        require_refusal(folder, [*good, "--output", "read_only.npy"], "read_only.npy")


def main():
    with scratch() as folder:
        good = sample(rows=40, channels=16)
        np.save(os.path.join(folder, "good.npy"), good)
        check_inputs(folder, good)
        check_overflow(folder)
        check_rotations(folder)
        check_outputs(folder)
        np.save(os.path.join(folder, "wide.npy"), np.ones((3, 32), np.float32))
        require_refusal(folder, ["--input", "good.npy", "--input", "wide.npy", *OUTPUTS], "wide.npy", "32 channels",
                        "good.npy has 16")
        broken = good.copy()
        broken[5, 2] = np.inf
        np.save(os.path.join(folder, "broken.npy"), broken)
        require_refusal(folder, ["--input", "good.npy", "--input", "broken.npy", *OUTPUTS], "broken.npy", "row 5")
        require_refusal(folder, ["--input", "good.npy", "--bits", 5, *OUTPUTS], "--bits 5", "only 4")


main()

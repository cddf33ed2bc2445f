"""Massive tokens in files of many layers: found without a gap, named file by file, and never passed over in silence."""

import csv
import json
import os

from support import np, refine, refine_well, rms_norm, scratch

LADDER = [61, 84, 132, 198, 301, 484, 767, 484, 301, 198, 132, 84]
CHANNELS = 64


def layer(number, massive=2, rows=60):
    """Rows of one layer; the first ones have a peak in channel 5, so many times the median as the ladder says."""
    generator = np.random.default_rng(number)
    x = generator.normal(size=(rows, CHANNELS))
    x[:, 7] *= 12
    for i in range(massive):
        x[i, 5] = 1e6
        x[i, 5] = LADDER[number % len(LADDER)] * np.sort(np.abs(x[i]))[CHANNELS // 2]
    return x.astype(np.float32)


def max_to_median(x):
    magnitudes = np.sort(np.abs(rms_norm(x)), axis=1)
    return magnitudes[:, -1] / magnitudes[:, CHANNELS // 2]


def report_in(folder):
    with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
        return json.load(file)


def tokens_in(folder):
    with open(os.path.join(folder, "t.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def save(folder, layers):
    """Writes a file a layer, and returns the arguments that read them all."""
    arguments = ["--rms-norm", "--output", "R.npy", "--report", "r.json", "--csv", "t.csv", "--seed", 1]
    for number, x in enumerate(layers):
        np.save(os.path.join(folder, f"layer_{number:02}.npy"), x)
        arguments += ["--input", f"layer_{number:02}.npy"]
    return arguments


def check_many_files(folder):
    layers = [layer(number) for number in range(24)]
    ratios = np.concatenate([max_to_median(x) for x in layers])
    found = np.sort(ratios[ratios > 100])
    assert found[0] < 300 and (found[1:] < 3 * found[:-1]).all(), "a gap would make this test easy"
    expected = [int((max_to_median(x) > 100).sum()) for x in layers]
    assert sorted(set(expected)) == [0, 2]
    done = refine_well(*save(folder, layers), "--rounds", 20, folder=folder)
    report = report_in(folder)
    massive = report["massive"]
    files = report["files"]
    assert [file["massive"] for file in files] == expected, files
    assert [file["name"] for file in files] == [f"layer_{number:02}.npy" for number in range(24)]
    assert all(file["rows"] == 60 for file in files)
    assert massive["count"] == sum(expected) == massive["peaks_above_100"] and massive["channels"] == [5], massive
    assert massive["threshold"] is None and abs(massive["largest_peak"] - ratios.max()) < 1e-3 * ratios.max(), massive
    assert [int(token["massive"]) for token in tokens_in(folder)] == (ratios > 100).astype(int).tolist()
    assert report["warnings"] == []
    lines = done.stdout.splitlines()
    assert "massive tokens: 36 (auto: max / median of |x| above 100 and 0.95 of the energy in four channels, the largest 5)" in lines, done.stdout
    named = [line for line in lines if line.startswith("  in ")]
    assert named == [f"  in {sum(n > 0 for n in expected)} of 24 files: 2 of 60 in layer_02.npy, 2 of 60 in layer_03.npy, "
                     "2 of 60 in layer_04.npy, 2 of 60 in layer_05.npy, no more than that in "
                     f"{sum(n > 0 for n in expected) - 4} others"], named


def check_few_files(folder):
    done = refine_well(*save(folder, [layer(6, massive=9), layer(0, massive=0)]), "--rounds", 0, folder=folder)
    assert "  found 9 of 60 in layer_00.npy, 0 of 60 in layer_01.npy\n" in done.stdout, done.stdout


def warned(folder, *arguments, warnings):
    """Runs the program, which has to say these things on standard error and in the report, in this order."""
    done = refine(*arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    report = report_in(folder)
    assert len(report["warnings"]) == len(warnings), report["warnings"]
    assert done.stderr == "".join(f"dfrot-refine: warning: {text}\n" for text in report["warnings"]), done.stderr
    for text, parts in zip(report["warnings"], warnings):
        for part in parts:
            assert part in text, (part, text)
    return report


def check_nothing_marked(folder):
    """Too few for the rule, and no gap: whatever is asked for, the user hears of them."""
    layers = [layer(number, massive=1) for number in range(2, 8)]
    ratios = np.concatenate([max_to_median(x) for x in layers])
    arguments = save(folder, layers)
    nothing = ["no token is massive by the rule 'auto'", f"of {(ratios > 100).sum()} in 360", f"{ratios.max():.3g} times",
               "--massive compare", "--massive VALUE"]
    report = warned(folder, *arguments, "--rounds", 0, warnings=[nothing])
    assert report["massive"]["peaks_above_100"] == (ratios > 100).sum() and report["massive"]["count"] == 0
    errors = [float(token["error_none"]) for token, ratio in zip(tokens_in(folder), ratios) if ratio > 100]
    assert f"without a rotation are {min(errors):.3g} to {max(errors):.3g}" in report["warnings"][0], report
    unchanged = ["the short method turned nothing, since no token used is massive", "randomized Hadamard of seed 1"]
    warned(folder, *arguments, "--method", "short", warnings=[nothing, unchanged])
    rotation = np.load(os.path.join(folder, "R.npy"))
    warned(folder, *arguments, "--method", "short", "--massive", 1e-6, warnings=[["rule 'threshold'"], unchanged])
    assert (np.load(os.path.join(folder, "R.npy")) == rotation).all()
    # Marked by hand, as the warning says: there is nothing to be said.
    refine_well(*arguments, "--rounds", 0, "--massive", 1.001 * max(errors), folder=folder)
    assert report_in(folder)["massive"]["count"] >= len(errors)


def dominated_of(folder, layers):
    """What the report should say of each file's tokens with a peak, from the table of tokens."""
    tokens = tokens_in(folder)
    found, first = [], 0
    for x in layers:
        rows = first + np.flatnonzero(max_to_median(x) > 100)
        first += len(x)
        parts = {}
        for part, flag in (("used", "0"), ("held_out", "1")):
            chosen = [tokens[i] for i in rows if tokens[i]["held_out"] == flag]
            parts[part] = None if not chosen else [len(chosen)] + [
                np.mean([float(token[column]) for token in chosen]) for column in ("relative_start", "relative_refined")]
        found.append(parts)
    return found


def check_worse_than_hadamard(folder):
    """Pure rows, not marked, are left worse than they were, file by file: measured on calibration rows and on held-out rows."""
    layers = [layer(0, massive=0), layer(6, massive=20, rows=400), layer(30, massive=20, rows=400)]
    words = ["for calibration tokens that few channels dominate, in 2 of 2 files", "for held-out tokens that few channels dominate, in 2 of 2 files"]
    report = warned(folder, *save(folder, layers), "--massive", 1e-6, "--rounds", 20, "--holdout", 0.4, warnings=[
        ["no token is massive by the rule 'threshold'", "try --massive compare"], [words[0]], [words[1]]])
    for text, part in zip(report["warnings"][1:], ("used", "held_out")):
        of_files = []
        for file, expected in zip(report["files"], dominated_of(folder, layers)):
            errors = file["dominated"][part]
            if expected[part] is None:
                assert errors is None, file
                continue
            assert [errors["count"]] == expected[part][:1], (file, expected)
            assert np.allclose([errors["hadamard"], errors["refined"]], expected[part][1:], rtol=1e-6), (file, expected)
            of_files.append((errors["refined"] / errors["hadamard"], file["name"], errors))
        gain, name, errors = max(of_files, key=lambda each: each[0])
        assert gain > 1.1 and f"in {name} ({errors['count']} tokens) is {errors['refined']:.3g}, {errors['hadamard']:.3g}" in text, text
        assert text.endswith("No token there is marked as massive: try another --massive"), text
    # Found by the rule, they are not worse off (no round may be better than the start), and nothing is said.
    refine_well(*save(folder, layers), "--rounds", 20, "--holdout", 0.4, folder=folder)
    for file in report_in(folder)["files"]:
        for errors in file["dominated"].values():
            assert errors is None or errors["refined"] < 1.01 * errors["hadamard"], file


def main():
    for check in (check_many_files, check_few_files, check_nothing_marked, check_worse_than_hadamard):
        with scratch() as folder:
            check(folder)


main()

"""Refines a rotation for real activations and recomputes every figure of the report from X, S and R with numpy."""

import csv
import json
import os

from support import (ROUNDS, np, orthogonality, quantized_asymmetric, quantized_symmetric, real_rows, refine_well,
                     require_close, rms_norm, scratch, summary, token_errors)


def load(folder, *names):
    return [np.load(os.path.join(folder, name)).astype(np.float64) for name in names]


def check_full_run(path, x, massive):
    with scratch() as folder:
        done = refine_well("--input", path, "--rms-norm", "--method", "full", "--patience", 0, "--rounds", ROUNDS, "--seed", 1, "--output", "R.npy",
                           "--start-output", "S.npy", "--report", "r.json", "--plot", "p.svg", "--csv", "t.csv",
                           folder=folder)
        for name in ("NR", "RO", "RH", "DFRot"):
            assert any(line.startswith(name + " ") for line in done.stdout.splitlines()), done.stdout
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            report = json.load(file)
        start, refined = load(folder, "S.npy", "R.npy")
        with open(os.path.join(folder, "t.csv"), encoding="utf-8", newline="") as file:
            tokens = list(csv.DictReader(file))
        with open(os.path.join(folder, "p.svg"), encoding="utf-8") as file:
            assert file.read().startswith("<svg")

    assert (report["rows"], report["channels"], report["seed"]) == (77, 896, 1)
    assert report["massive"]["count"] == 53 and report["massive"]["rule"] == "auto"
    assert report["holdout"] is None
    errors = report["errors"]
    assert set(errors) == {"none", "orthogonal", "hadamard", "refined"}
    assert orthogonality(refined) < 1e-5, orthogonality(refined)
    assert abs(report["orthogonality"] - orthogonality(refined)) < 1e-9
    for name, rotation in (("none", np.eye(896)), ("hadamard", start), ("refined", refined)):
        rotated = x @ rotation
        recomputed = token_errors(rotated)
        require_close(name, errors[name], summary(rotated, recomputed, massive))
        column = np.array([float(token["error_" + {"hadamard": "start"}.get(name, name)]) for token in tokens])
        assert np.abs(column - np.sqrt(recomputed)).max() < 1e-2 * np.sqrt(recomputed).max(), name
    assert [int(token["massive"]) for token in tokens] == massive.astype(int).tolist()
    assert [int(token["token"]) for token in tokens] == list(range(77))

    losses = [round["loss"] for round in report["rounds"]]
    assert [round["round"] for round in report["rounds"]] == list(range(ROUNDS + 1))
    assert all(round["seconds"] >= 0 for round in report["rounds"])
    assert report["best_round"] == int(np.argmin(losses))
    assert abs(losses[0] - errors["hadamard"]["weighted_loss"]) <= 1e-3 * losses[0]
    gain = errors["hadamard"]["massive"] / errors["refined"]["massive"]
    print(f"{ROUNDS} rounds: massive error {gain:.1f} times smaller than the Hadamard's")
    least = 5 if ROUNDS >= 30 else 1
    assert gain >= least, f"massive error only {gain:.2f} times smaller, expected {least}"


def check_variant(path, x, massive, arguments, quantized, search):
    """The figures on calibration rows and on held-out rows, under another quantizer and another start."""
    with scratch() as folder:
        refine_well("--input", path, "--rms-norm", "--method", "full", "--rounds", 1, "--seed", 3, "--holdout", 0.25, "--output", "R.npy",
                    "--start-output", "S.npy", "--report", "r.json", "--csv", "t.csv", "--rotation", "orthogonal",
                    *arguments, folder=folder)
        with open(os.path.join(folder, "r.json"), encoding="utf-8") as file:
            report = json.load(file)
        start, refined = load(folder, "S.npy", "R.npy")
        with open(os.path.join(folder, "t.csv"), encoding="utf-8", newline="") as file:
            held_out = np.array([token["held_out"] == "1" for token in csv.DictReader(file)])
    assert held_out.sum() == 19, held_out.sum()  # a quarter of 77
    for name, rotation in (("none", np.eye(896)), ("orthogonal", start), ("refined", refined)):
        rotated = x @ rotation
        errors = token_errors(rotated, quantized, search)
        for part, rows in (("errors", ~held_out), ("holdout", held_out)):
            require_close(f"{part}.{name}", report[part][name], summary(rotated[rows], errors[rows], massive[rows]))


def main():
    path = real_rows()
    x = rms_norm(np.load(path))
    massive = np.load(os.path.join(os.path.dirname(path), "token_count.npy")) == 1
    check_full_run(path, x, massive)
    if ROUNDS >= 30:  # not in slow builds, where one variant is enough
        check_variant(path, x, massive, ["--asymmetric"], quantized_asymmetric, False)
        check_variant(path, x, massive, ["--scale", "search"], quantized_symmetric, True)


main()

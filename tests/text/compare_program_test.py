#!/usr/bin/env python3
"""dfrot-llm compare: its figures against a second computation in numpy, its table, its gaps, and its mistakes.

    compare_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

Compares on rows with a few large channels, and on DFROT_DATA/stories260k, a small trained LLaMA.
"""

import json
import pathlib
import sys
import tempfile
import xml.etree.ElementTree

from support import check, data_folder, finish, numpy_or_skip, run

numpy = numpy_or_skip()


def compare(folder, *arguments):
    report, plot = folder / "r.json", folder / "p.svg"
    done = run("compare", *map(str, arguments), "--report", str(report), "--plot", str(plot))
    check(done.returncode == 0, f"compare {arguments}: {done.returncode}: {done.stderr[-500:]}")
    xml.etree.ElementTree.parse(plot)
    return done, json.loads(report.read_text())


def by_method(report, scheme=None):
    return {each["method"]: each for each in report["results"] if scheme in (None, each["scheme"])}


def mean_relative_error(exact, now):
    return float((((exact - now) ** 2).sum(1) / (exact ** 2).sum(1)).mean())


def int4(rows):
    scale = numpy.abs(rows).max(1, keepdims=True) / 7
    return numpy.round(rows / scale) * scale


def check_rows(folder):
    n = 96
    random = numpy.random.default_rng(4)
    x = random.standard_normal((300, n)).astype(numpy.float32)
    x[:, [7, 50]] *= 30
    w = random.standard_normal((40, n)).astype(numpy.float32)
    numpy.save(folder / "x.npy", x)
    numpy.save(folder / "w.npy", w)
    done, report = compare(folder, "--rows", folder / "x.npy", "--weight", folder / "w.npy", "--schemes", "16-4-16",
                           "--formats", "int4,mxfp4,nvfp4", "--weights", "rtn", "--seed", 2)
    check(report["predictions"] == 0 and all(each["perplexity"] is None for each in report["results"]), "a perplexity of rows")
    of = {(each["method"], each["format"]): each for each in report["results"]}

    # Without a map, tokens are rounded as they are. Which half is judged is the program's: all rows are of one kind.
    y = x / numpy.sqrt((x.astype(float) ** 2).mean(1, keepdims=True) + 1e-5)
    expected = mean_relative_error(y, int4(y))
    found = of["none", "int4"]
    check(abs(found["token_error"] / expected - 1) < 0.05, f"token error: {found['token_error']}, not {expected}")
    expected = mean_relative_error(y @ w.T, int4(y) @ w.T)
    check(abs(found["output_error"] / expected - 1) < 0.15, f"output error: {found['output_error']}, not {expected}")
    for (method, form), each in of.items():  # every map keeps the layer, until something is rounded
        check(each["weight_error"] < 1e-9, f"{method}, {form}: exact weights give an error of {each['weight_error']}")
        check(each["bits_per_weight"] == 16 and each["layers"] == 1, f"{method}, {form}: {each}")
        check(numpy.isfinite(each["output_error"]) and each["offline_seconds"] >= 0, f"{method}, {form}: {each}")
    check(of["smooth", "int4"]["output_error"] < 0.5 * of["none", "int4"]["output_error"], "large channels are not smoothed")
    check(of["hadamard", "int4"]["output_error"] < 0.5 * of["none", "int4"]["output_error"], "large channels are not spread")
    check(of["none", "nvfp4"]["output_error"] < of["none", "mxfp4"]["output_error"], "scales of more bits are no better")
    gaps = {(each["method"], each["format"]): each["reason"] for each in report["gaps"]}
    check(("svdquant", "int4") in gaps and ("refined", "mxfp4") in gaps, f"gaps: {gaps}")
    listed = {each["name"] for each in report["methods"]}
    check(all(method in done.stdout and method in listed for method, _ in of), "methods that the table or the list lacks")

    _, weights = compare(folder, "--rows", folder / "x.npy", "--weight", folder / "w.npy", "--schemes", "4-16-16", "--weights", "gptq")
    each = by_method(weights)
    check(each["none"]["token_error"] == 0 and each["none"]["weight_error"] > 0, "tokens of 16 bits are rounded, or weights are not")
    check(each["squeezellm"]["weight_error"] < each["codebooks"]["weight_error"] * 1.2, "outliers make codebooks worse")
    for method in ("svdquant", "svdquant-hadamard", "hadamard-svdquant"):  # rank 32 of 40: little is left
        check(each[method]["weight_error"] < 0.5 * each["none"]["weight_error"], f"{method}: the branch is not there")
        check(each[method]["bits_per_weight"] > 16, f"{method}: {each[method]['bits_per_weight']} bits with 32 of 40 ranks")


def check_model(folder):
    model = data_folder() / "stories260k"
    arguments = [model, "--ids", model / "tokens_valid.npy", "--bos", 1, "--context", 128, "--sequences", 3, "--sample", 100,
                 "--calibration-sequences", 4]
    _, exact = compare(folder, *arguments, "--schemes", "16-16-16", "--threads", 1)
    for each in exact["results"]:
        if "perplexity" in each and each["method"] not in ("rrs", "runtime-smooth"):
            check(abs(each["perplexity"] / exact["exact_perplexity"] - 1) < 1e-3 and abs(each["kl"]) < 1e-4,
                  f"{each['method']} changes the model: perplexity {each['perplexity']}, not {exact['exact_perplexity']}")
    check(len(exact["results"]) > 15 and all(each["layers"] == 5 for each in exact["results"]), "methods, or layers, are missing")

    done = run("perplexity", str(model), *map(str, arguments[1:9]), "--rotations", "none", "--schemes", "4-4-16", "--weights", "rtn",
               "--report", str(folder / "p.json"))
    check(done.returncode == 0, done.stderr)
    other = json.loads((folder / "p.json").read_text())["results"][0]
    chosen = ["--schemes", "4-4-16", "--methods", "none,hadamard,svdquant,rrs"]
    _, once = compare(folder, *arguments, *chosen, "--weights", "rtn", "--threads", 1)
    found = by_method(once)
    check(abs(found["none"]["perplexity"] / other["perplexity"] - 1) < 1e-4,
          f"plain rounding: {found['none']['perplexity']}, but `perplexity` says {other['perplexity']}")
    check(found["svdquant"]["kl"] < found["none"]["kl"], "the branch is no help")
    _, again = compare(folder, *arguments, *chosen, "--weights", "rtn", "--threads", 3)
    for method, each in by_method(again).items():
        same = ("token_error", "weight_error", "output_error", "perplexity", "kl")
        check(all(each[key] == found[method][key] for key in same), f"{method}: other figures with three threads")


def check_mistakes(folder):
    rows = str(folder / "x.npy")
    numpy.save(folder / "one.npy", numpy.ones((1, 96), numpy.float32))
    numpy.save(folder / "other.npy", numpy.ones((4, 95), numpy.float32))
    bad = numpy.ones((10, 96), numpy.float32)
    bad[3, 5] = numpy.nan
    numpy.save(folder / "nan.npy", bad)
    for arguments, code, word in (
            (["--rows", rows, "--methods", "magic"], 2, "magic"),
            (["--rows", rows, "--formats", "int5"], 2, "int5"),
            (["--rows", rows, "--schemes", "8-4-16"], 2, "8-4-16"),
            (["--rows", rows, "--ids", rows], 2, "--ids"),
            (["--weight", rows], 2, "--rows"),
            ([], 2, "MODEL"),
            (["--rows", rows, "--report", rows], 2, "overwritten"),
            (["--rows", rows, "--methods", "nf4"], 3, "weights alone"),
            (["--rows", str(folder / "one.npy")], 3, "1 rows"),
            (["--rows", rows, "--weight", str(folder / "other.npy")], 3, "95"),
            (["--rows", str(folder / "nan.npy")], 3, "row"),
            (["--rows", str(folder / "none.npy")], 3, "none.npy")):
        done = run("compare", *arguments)
        check(done.returncode == code and word in done.stderr and not done.stdout,
              f"compare {arguments}: {done.returncode}: {done.stderr}")
    done = run("compare", "--help")
    check(done.returncode == 0 and all(name in done.stdout for name in ("duquant++", "svdquant", "squeezellm", "wush")), "the help")


def main():
    with tempfile.TemporaryDirectory() as name:
        check_rows(pathlib.Path(name))
        check_mistakes(pathlib.Path(name))
        check_model(pathlib.Path(name))
    finish()


if __name__ == "__main__":
    main()

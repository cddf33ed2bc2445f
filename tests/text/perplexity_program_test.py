#!/usr/bin/env python3
"""dfrot-llm perplexity on a real model.

    perplexity_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

Reads the model that DFROT_MODEL names (SmolLM2-135M-Instruct, see scripts/fetch-model.sh) and DFROT_DATA/wikitext2/ids.npy. The
perplexity of the first 8 sequences is that of a program of another kind (float32, PyTorch); a rotation that is folded into the
weights may not change it.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

EXPECTED = 30.461  # 8 sequences of BOS and 511 tokens, of SmolLM2-135M-Instruct.Q4_1.gguf
failures = []


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


def run(program, *options):
    return subprocess.run([program, "perplexity", *map(str, options)], capture_output=True, text=True, timeout=500)


def results(program, model, ids, folder, *options):
    report = pathlib.Path(folder) / "report.json"
    done = run(program, model, "--ids", ids, "--bos", "1", "--context", "512", "--report", report, *options)
    check(done.returncode == 0, f"{options}: exit status {done.returncode}: {done.stderr[-500:]}")
    return json.loads(report.read_text(encoding="utf-8")) if done.returncode == 0 else {"results": []}


def main(arguments):
    model = os.environ.get("DFROT_MODEL")
    data = os.environ.get("DFROT_DATA")
    if not model or not data:
        print("skipped: DFROT_MODEL and DFROT_DATA have to name a model and the data")
        return 77
    program = arguments[1]
    ids = pathlib.Path(data) / "wikitext2" / "ids.npy"
    with tempfile.TemporaryDirectory() as folder:
        report = results(program, model, ids, folder, "--sequences", "8", "--rotations", "none", "--schemes", "16-16-16")
        check(report.get("sequences") == 8 and report.get("predictions") == 8 * 511, f"8 x 511 predictions: {report}")
        for result in report["results"]:
            print(f"unquantized: {result['perplexity']:.4f}")
            check(abs(result["perplexity"] / EXPECTED - 1) < 5e-4, f"perplexity {result['perplexity']}, not {EXPECTED}")

        report = results(program, model, ids, folder, "--sequences", "1", "--rotations", "none,hadamard", "--schemes",
                         "16-16-16,16-4-16", "--seed", "3")
        of = {(r["rotation"], r["scheme"]): r for r in report["results"]}
        check(len(of) == 4, f"four results: {sorted(of)}")
        if len(of) == 4:
            exact = of["none", "16-16-16"]["perplexity"]
            rotated = of["hadamard", "16-16-16"]["perplexity"]
            check(abs(rotated / exact - 1) < 1e-4, f"rotated: {rotated} instead of {exact}")
            kl = [of[rotation, "16-4-16"]["kl"] for rotation in ("none", "hadamard")]
            print("KL with activations in 4 bits:", " ".join(f"{value:.3f}" for value in kl))
            check(kl[0] > kl[1] > 0, f"a rotation lowers KL: {kl}")

        wrong = run(program, model, "--ids", ids, "--sequences", "8", "--schemes", "16-17-16")
        check(wrong.returncode == 2 and "17" in wrong.stderr, f"a scheme of 17 bits: {wrong.returncode}: {wrong.stderr}")
        missing = run(program, pathlib.Path(folder) / "none.gguf", "--ids", ids, "--sequences", "1")
        check(missing.returncode == 3 and "none.gguf" in missing.stderr, f"no file: {missing.returncode}: {missing.stderr}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

#!/usr/bin/env python3
"""dfrot-llm calibrate on a real model.

    calibrate_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

Reads the model that DFROT_MODEL names (SmolLM2-135M-Instruct, see scripts/fetch-model.sh) and DFROT_DATA/wikitext2/ids.npy. The files
belong together: a norm's output is the residual stream over its root mean square, and the massive tokens are where NumPy sees them.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
except ImportError:
    print("skipped: numpy is missing")
    sys.exit(77)

EPSILON = 1e-5  # of the model's norms
failures = []


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


def main(arguments):
    model = os.environ.get("DFROT_MODEL")
    data = os.environ.get("DFROT_DATA")
    if not model or not data:
        print("skipped: DFROT_MODEL and DFROT_DATA have to name a model and the data")
        return 77
    program = arguments[1]
    ids = pathlib.Path(data) / "wikitext2" / "ids.npy"
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder) / "new" / "rows"
        command = [program, "calibrate", model, "--ids", str(ids), "--bos", "1", "--sequences", "1", "--context", "128"]
        done = subprocess.run([*command, "--sites", "residual,attention,mlp", "--output", str(rows)], capture_output=True,
                              text=True, timeout=300)
        check(done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-500:]}")
        index = json.loads((rows / "index.json").read_text(encoding="utf-8"))
        check(index["sequences"] == 1 and index["context"] == 128 and index["bos"] == 1, f"the index: {str(index)[:200]}")
        listed = {each["file"]: each for each in index["files"]}
        there = {path.name for path in rows.iterdir()}
        check(len(listed) == 90 and there == set(listed) | {"index.json"}, f"90 files: {sorted(there ^ set(listed))}")
        for layer in range(30):
            stream, normed = (numpy.load(rows / f"{site}-{layer:02}.npy").astype(numpy.float64) for site in ("residual", "attention"))
            check(stream.shape == normed.shape == (128, 576), f"layer {layer}: {stream.shape}, {normed.shape}")
            expected = stream / numpy.sqrt((stream * stream).mean(axis=1, keepdims=True) + EPSILON)
            worst = abs(normed - expected).max()
            check(worst < 2e-5, f"layer {layer}: the norm's output is off by {worst}")
            magnitudes = abs(stream)
            ratios = magnitudes.max(axis=1) / numpy.median(magnitudes, axis=1)
            massive = listed[f"residual-{layer:02}.npy"]["massive"]
            check(all(ratios[row] > 100 for row in massive), f"layer {layer}: {massive} are massive")
            check(0 in massive or not 12 <= layer <= 28, f"layer {layer}: the first token is massive, not {massive}")

        wrong = subprocess.run([*command, "--sites", "residual,kv", "--output", str(rows)], capture_output=True, text=True, timeout=60)
        check(wrong.returncode == 2 and "'kv'" in wrong.stderr, f"--sites kv: {wrong.returncode}: {wrong.stderr}")
        a_file = pathlib.Path(folder) / "file"
        a_file.write_text("kept", encoding="utf-8")
        wrong = subprocess.run([*command, "--output", str(a_file)], capture_output=True, text=True, timeout=60)
        check(wrong.returncode == 3 and str(a_file) in wrong.stderr, f"a file as folder: {wrong.returncode}: {wrong.stderr}")
        check(a_file.read_text(encoding="utf-8") == "kept", "the file is as it was")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

#!/usr/bin/env python3
"""dfrot-llm calibrate on a real model.

Reads the model that DFROT_MODEL names (SmolLM2-135M-Instruct, see scripts/fetch-model.sh) and DFROT_DATA/wikitext2/ids.npy. The files
belong together: a norm's output is the residual stream over its root mean square, and the massive tokens are where NumPy sees them.
"""

import json
import pathlib
import tempfile

from support import check, data_folder, finish, model_file, numpy_or_skip, run

numpy = numpy_or_skip()
EPSILON = 1e-5  # of the model's norms


def main():
    model, ids = model_file(), data_folder() / "wikitext2" / "ids.npy"
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder) / "new" / "rows"
        command = ["calibrate", model, "--ids", ids, "--bos", "1", "--sequences", "1", "--context", "128"]
        done = run(*command, "--sites", "residual,attention,mlp", "--output", rows)
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

        wrong = run(*command, "--sites", "residual,kv", "--output", rows)
        check(wrong.returncode == 2 and "'kv'" in wrong.stderr, f"--sites kv: {wrong.returncode}: {wrong.stderr}")
        a_file = pathlib.Path(folder) / "file"
        a_file.write_text("kept", encoding="utf-8")
        wrong = run(*command, "--output", a_file)
        check(wrong.returncode == 3 and str(a_file) in wrong.stderr, f"a file as folder: {wrong.returncode}: {wrong.stderr}")
        check(a_file.read_text(encoding="utf-8") == "kept", "the file is as it was")
    finish()


main()

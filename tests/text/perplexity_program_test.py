#!/usr/bin/env python3
"""dfrot-llm perplexity on a real model.

Reads the model that DFROT_MODEL names (SmolLM2-135M-Instruct, see scripts/fetch-model.sh) and DFROT_DATA/wikitext2/ids.npy. The
perplexity of the first 8 sequences is that of a program of another kind (float32, PyTorch); a rotation that is folded into the
weights may not change it.
"""

import math
import pathlib
import tempfile

from support import check, data_folder, finish, model_file, perplexity, run

EXPECTED = 30.461  # 8 sequences of BOS and 511 tokens, of SmolLM2-135M-Instruct.Q4_1.gguf


def main():
    model, ids = model_file(), data_folder() / "wikitext2" / "ids.npy"
    with tempfile.TemporaryDirectory() as folder:
        report = perplexity(model, ids, folder, "--sequences", "8", "--rotations", "none", "--schemes", "16-16-16")
        check(report.get("sequences") == 8 and report.get("predictions") == 8 * 511, f"8 x 511 predictions: {report}")
        for result in report["results"]:
            print(f"unquantized: {result['perplexity']:.4f}")
            check(abs(result["perplexity"] / EXPECTED - 1) < 5e-4, f"perplexity {result['perplexity']}, not {EXPECTED}")

        report = perplexity(model, ids, folder, "--sequences", "1", "--rotations", "none,hadamard,hadamard-fp16",
                            "--schemes", "16-16-16,16-4-16", "--seed", "3", "--per-position", "100")
        of = {(r["rotation"], r["scheme"]): r for r in report["results"]}
        check(len(of) == 6, f"six results: {sorted(of)}")
        if len(of) == 6:
            exact = of["none", "16-16-16"]["perplexity"]
            rotated = of["hadamard", "16-16-16"]["perplexity"]
            check(abs(rotated / exact - 1) < 1e-4, f"rotated: {rotated} instead of {exact}")
            kl = [of[rotation, "16-4-16"]["kl"] for rotation in ("none", "hadamard", "hadamard-fp16")]
            print("KL with activations in 4 bits:", " ".join(f"{value:.3f}" for value in kl))
            check(kl[0] > kl[1] > kl[2] > 0, f"a rotation lowers KL, and massive tokens in 16 bits lower it further: {kl}")
            check(of["hadamard-fp16", "16-4-16"]["massive_rows_in_16_bits"] > 20, f"massive rows: {of['hadamard-fp16', '16-4-16']}")
            for result in of.values():
                parts = result["positions"]
                check([part["first"] for part in parts] == [0, 100, 200, 300, 400, 500] and parts[-1]["last"] == 511, f"{parts}")
                loss = sum(part["predictions"] * part["loss"] for part in parts) / 511
                check(abs(loss - math.log(result["perplexity"])) < 1e-9, f"by position: {loss}, {result['perplexity']}")

        wrong = run("perplexity", model, "--ids", ids, "--sequences", "8", "--schemes", "16-17-16")
        check(wrong.returncode == 2 and "17" in wrong.stderr, f"a scheme of 17 bits: {wrong.returncode}: {wrong.stderr}")
        missing = run("perplexity", pathlib.Path(folder) / "none.gguf", "--ids", ids, "--sequences", "1")
        check(missing.returncode == 3 and "none.gguf" in missing.stderr, f"no file: {missing.returncode}: {missing.stderr}")
    finish()


main()

#!/usr/bin/env python3
"""dfrot-llm export: a rotated model is the same model.

Exports DFROT_DATA/stories260k, a small trained LLaMA, and reads the files with a reader of its own. Products in which a rotation cancels
out have to be those of the model that is exported without one; dfrot-llm has to find the same perplexity in all of them.
"""

import json
import pathlib
import tempfile

from support import check, data_folder, finish, numpy_or_skip, perplexity, run

numpy = numpy_or_skip()


def read_safetensors(path):
    """Tensors of one file as float64; its types are F32 and F16."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            dtype = {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]
            numbers = numpy.frombuffer(data[8 + length + begin:8 + length + end], dtype)
            tensors[name] = numbers.reshape(entry["shape"]).astype(numpy.float64)
    return tensors


def perplexity_of(model, ids, folder):
    return perplexity(model, ids, folder, "--context", "128", "--rotations", "none", "--schemes", "16-16-16")["results"][0]["perplexity"]


def compare_products(plain, turned, tolerance):
    """Products of weights along the residual stream, and, of v and o, along heads."""
    def close(what, a, b):
        worst = abs(a - b).max() / abs(a).max()
        check(worst < tolerance, f"{what}: off by {worst}")

    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    close("embedding and head", plain[embedding] @ plain[head].T, turned[embedding] @ turned[head].T)
    check(abs(plain[embedding] - turned[embedding]).max() > 0.01, "the embedding is rotated")
    for layer in range(5):
        def name(part, index=layer):
            return f"model.layers.{index}.{part}.weight"
        for part in ("self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj", "mlp.up_proj"):
            close(name(part), plain[embedding] @ plain[name(part)].T, turned[embedding] @ turned[name(part)].T)
        close(name("mlp.down_proj"), plain[head] @ plain[name("mlp.down_proj")], turned[head] @ turned[name("mlp.down_proj")])
        for first in range(8):  # heads of 8 channels; two share keys and values
            rows, columns = slice(first // 2 * 8, first // 2 * 8 + 8), slice(first * 8, first * 8 + 8)
            a, b = (each[head] @ each[name("self_attn.o_proj")][:, columns] @ each[name("self_attn.v_proj")][rows] @ each[embedding].T
                    for each in (plain, turned))
            close(f"v and o of head {first} in layer {layer}", a, b)
        for part in ("input_layernorm", "post_attention_layernorm"):
            check((turned[name(part)] == 1).all(), f"{name(part)} is not 1")


def main():
    model = data_folder() / "stories260k"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ids = folder / "ids.npy"
        numpy.save(ids, numpy.random.default_rng(5).integers(3, 512, 1000).astype(numpy.int32))
        exact = perplexity_of(model, ids, folder)
        for kind, options, tolerance in (("none", ["--type", "float32"], 1e-6), ("hadamard", ["--type", "float32"], 1e-5),
                                         ("orthogonal", ["--seed", "4"], 1e-3)):
            done = run("export", model, "--rotation", kind, "-o", folder / kind, *options)
            check(done.returncode == 0, f"{kind}: exit status {done.returncode}: {done.stderr[-300:]}")
            config = json.loads((folder / kind / "config.json").read_text(encoding="utf-8"))
            check(config["tie_word_embeddings"] is False and config["hidden_size"] == 64, f"config.json: {config}")
            found = perplexity_of(folder / kind, ids, folder)
            check(abs(found / exact - 1) < tolerance, f"{kind}: a perplexity of {found} instead of {exact}")
        plain = read_safetensors(folder / "none" / "model.safetensors")
        compare_products(plain, read_safetensors(folder / "hadamard" / "model.safetensors"), 1e-5)
        compare_products(plain, read_safetensors(folder / "orthogonal" / "model.safetensors"), 2e-3)

        before = (folder / "none" / "model.safetensors").read_bytes()
        wrong = run("export", folder / "none", "-o", folder / "none")
        check(wrong.returncode == 2 and "overwritten" in wrong.stderr, f"onto itself: {wrong.returncode}: {wrong.stderr}")
        wrong = run("export", model, "-o", folder / "new", "--rotation", "refined")
        check(wrong.returncode == 2 and "dfrot-llm refine" in wrong.stderr, f"refined: {wrong.returncode}: {wrong.stderr}")
        numpy.save(folder / "R.npy", numpy.ones((64, 64), numpy.float32))
        wrong = run("export", model, "-o", folder / "new", "--rotation", folder / "R.npy")
        check(wrong.returncode == 3 and "R.npy" in wrong.stderr, f"no rotation: {wrong.returncode}: {wrong.stderr}")
        check(not (folder / "new" / "model.safetensors").exists(), "nothing is written where something is wrong")
        check((folder / "none" / "model.safetensors").read_bytes() == before, "the model is as it was")

        done = run("export", model, "-o", folder / "parts", "--rotation", "none", "--type", "float32", "--file-size", 1 << 20)
        check(done.returncode == 0 and len(list((folder / "parts").glob("model-*.safetensors"))) == 2, f"parts: {done.stderr}")
        check(perplexity_of(folder / "parts", ids, folder) == perplexity_of(folder / "none", ids, folder), "the same in parts")
    finish()


main()

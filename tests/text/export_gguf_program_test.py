#!/usr/bin/env python3
"""dfrot-llm export to GGUF files: the same model as a folder's, keys that are true, codes that are ours to the bit.

    export_gguf_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

Models of a few thousand weights are made here, and files are read with readers of the test's own; with the package gguf, too,
where it is installed.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from tiny_model import (HEAD, HEADS, KV_HEADS, LAYERS, WIDTH, WORDS, config, gguf_reader, key_bytes, numpy, read_safetensors, weights,
                        write_folder)

failures = []
PARTS = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


class test:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.ids = folder / "ids.npy"
        numpy.save(self.ids, numpy.random.default_rng(5).integers(3, WORDS, 400).astype(numpy.int32))

    def run(self, *command):
        return subprocess.run([str(each) for each in (self.program, *command)], capture_output=True, text=True, timeout=300)

    def export(self, model, name, *options):
        """The new file, or folder."""
        done = self.run("export", model, "-o", self.folder / name, *options)
        check(done.returncode == 0 and not done.stderr, f"{name}: exit status {done.returncode}: {done.stderr[-300:]}")
        return self.folder / name

    def perplexity(self, model):
        done = self.run("perplexity", model, "--ids", self.ids, "--bos", "1", "--context", "64", "--rotations", "none", "--schemes",
                        "16-16-16", "--report", self.folder / "r.json")
        check(done.returncode == 0, f"perplexity of {model}: {done.stderr[-300:]}")
        return json.loads((self.folder / "r.json").read_text(encoding="utf-8"))["results"][0]["perplexity"]


def neighbours(values, heads):
    """Rows of q or k as GGUF files of llama keep them: 0, d/2, 1, d/2 + 1, ..."""
    return values.reshape(heads, 2, HEAD // 2, -1).swapaxes(1, 2).reshape(values.shape)


def check_same_numbers(file, folder, kind):
    """Every tensor of a folder's stands in a file, in its own order of rows; the vectors as float32."""
    stored = read_safetensors(folder / "model.safetensors")
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    for layer in range(LAYERS):
        begin, to = f"model.layers.{layer}.", f"blk.{layer}."
        names |= {f"{begin}input_layernorm.weight": f"{to}attn_norm.weight", f"{begin}post_attention_layernorm.weight": f"{to}ffn_norm.weight"}
        names |= {f"{begin}{part}.{what}": f"{to}{name}.{what}" for part, name in PARTS.items() for what in ("weight", "bias")}
    check({names.get(name) for name in stored} == set(file.places), f"tensors: {sorted(file.places)}")
    for name, values in stored.items():
        if kind == "llama" and ("q_proj" in name or "k_proj" in name):
            values = neighbours(values, HEADS if "q_proj" in name else KV_HEADS)
        found = file.values(names[name])
        if values.ndim == 1:  # rounded to the folder's type there
            check(file.types[names[name]] == "F32" and abs(found - values).max() <= 4e-3 * abs(values).max(), name)
        else:
            check(found.shape == values.shape and (found.view("u4") == values.view("u4")).all(), f"{kind}: numbers of {name}")
        if "norm" in name:
            check((found == 1).all(), f"{name} is not 1")


def check_models(on):
    """Folders of both architectures and what becomes of them."""
    for name, kind, biases in (("llama", "llama", None), ("qwen2", "qwen2", "qwen2"), ("biased", "llama", "qwen2")):
        model = write_folder(on.folder / name, weights(biases), config(kind))
        exact = on.perplexity(model)
        for stored in ("float32", "float16", "bfloat16"):
            options = ("--type", stored, "--seed", "3")
            folder, path = on.export(model, f"{name}-{stored}", *options), on.export(model, f"{name}-{stored}.gguf", *options)
            file = gguf_reader(path)
            check_same_numbers(file, folder, kind)
            if stored == "float32":
                found = on.perplexity(path)
                check(abs(found / exact - 1) < 1e-5 and found == on.perplexity(folder), f"{name}: a perplexity of {found}, not {exact}")
        expected = {"general.architecture": kind, "general.file_type": 32, f"{kind}.context_length": 128, f"{kind}.block_count": LAYERS,
                    f"{kind}.embedding_length": WIDTH, f"{kind}.feed_forward_length": 96, f"{kind}.vocab_size": WORDS,
                    f"{kind}.attention.head_count": HEADS, f"{kind}.attention.head_count_kv": KV_HEADS,
                    f"{kind}.attention.key_length": HEAD, f"{kind}.rope.dimension_count": HEAD, f"{kind}.rope.freq_base": 10000.0,
                    "tokenizer.ggml.model": "none"}
        check(expected.items() <= file.keys.items(), f"keys: {file.keys}")


def check_positions(on):
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    for name, scaled in (("llama3", scaling), ("linear", {"rope_type": "linear", "factor": 4.0})):
        model = write_folder(on.folder / name, weights(), config(rope_scaling=scaled))
        path = on.export(model, f"{name}.gguf", "--type", "float32")
        file = gguf_reader(path)
        check(("rope_freqs.weight" in file.places) == (name == "llama3"), f"{name}: {sorted(file.places)}")
        check(file.keys.get("llama.rope.scaling.factor") == (4.0 if name == "linear" else None), f"{name}: {file.keys}")
        together = write_folder(on.folder / f"{name}-5", weights(), config(rope_theta=None, dtype="float32",
                                                                           rope_parameters=scaled | {"rope_theta": 10000.0}))
        check(on.perplexity(together) == on.perplexity(model), f"{name}: another perplexity from rope_parameters")
        settings = json.loads((on.export(together, f"{name}-5-out") / "config.json").read_text(encoding="utf-8"))
        check((settings["dtype"], settings["rope_parameters"]["factor"]) == ("float16", scaled["factor"]), f"{name}: {settings}")
        twice = on.export(path, f"{name}-again.gguf", "--type", "float32", "--rotation", "none")  # a factor counts once
        found, exact = [on.perplexity(each) for each in (path, twice)], on.perplexity(model)
        check(all(abs(each / exact - 1) < 1e-5 for each in found), f"{name}: perplexities of {found}, not {exact}")


    plain = gguf_reader(on.export(on.folder / "llama", "unscaled.gguf", "--type", "float32", "--rotation", "none"))
    exact = on.perplexity(on.folder / "linear")
    for key in ("scaling.factor", "scale_linear"):  # llama.cpp takes a factor without a type for a linear one
        path = on.folder / "factor.gguf"
        path.write_bytes(plain.with_keys(key_bytes(f"llama.rope.{key}", "f", 4.0)))
        found = on.perplexity(path)
        check(abs(found / exact - 1) < 1e-5, f"{key}: a perplexity of {found}, not {exact}")


def check_keys_of_files(on):
    """What a GGUF file says of its model and tokenizer stays; what it says of its own numbers does not."""
    plain = on.export(on.folder / "llama", "plain.gguf", "--type", "float32", "--rotation", "none")
    kept = (("general.name", str, "tiny"), ("tokenizer.ggml.tokens", str, [f"t{i}" for i in range(WORDS)]),
            ("tokenizer.ggml.token_type", "i", [1] * WORDS), ("tokenizer.ggml.bos_token_id", "I", 7),
            ("tokenizer.ggml.eos_token_id", "I", 9), ("tokenizer.ggml.add_bos_token", "?", True))
    dropped = (("general.quantization_version", "I", 1), ("split.no", "I", 0), ("quantize.imatrix.file", str, "x"))
    source = on.folder / "source.gguf"
    source.write_bytes(gguf_reader(plain).with_keys(*(key_bytes(*each) for each in kept + dropped)))
    keys = gguf_reader(on.export(source, "rotated.gguf")).keys
    for key, _, value in kept:
        check(keys.get(key) == value, f"{key}: {keys.get(key)}")
    check(not any(key in keys for key, _, _ in dropped) and keys["general.file_type"] == 1, f"keys: {keys}")
    settings = json.loads((on.export(source, "from-gguf") / "config.json").read_text(encoding="utf-8"))
    check((settings.get("bos_token_id"), settings.get("eos_token_id")) == (7, 9), f"config.json: {settings}")


def layer_weights(file):
    return [name for name, (shape, _) in file.places.items() if len(shape) == 2 and name.startswith("blk.")]


def check_codes(on):
    """Codes are the nearest for the scale that stands in the file, and dfrot-llm reads the numbers that they stand for."""
    model = on.folder / "llama"
    exact = gguf_reader(on.export(model, "exact.gguf", "--type", "float32", "--seed", "3"))
    errors = {}
    for rule in ("max", "signed", "search"):
        path = on.export(model, f"{rule}.gguf", "--type", "q4_0", "--seed", "3", "--range", rule)
        file = gguf_reader(path)
        check(file.types["token_embd.weight"] == file.types["output.weight"] == "F16", f"vocabulary: {file.types}")
        check((file.keys["general.file_type"], file.keys["general.quantization_version"]) == (2, 2), f"keys: {file.keys}")
        errors[rule] = 0
        for name in layer_weights(exact):
            w = exact.values(name).astype("f8")
            scales, codes = file.blocks(name)
            blocks, scale = w.reshape(codes.shape), scales.astype("f8")[:, :, None]
            largest = numpy.take_along_axis(blocks, abs(blocks).argmax(2)[:, :, None], 2)
            if rule == "signed":
                check((scales == (largest[:, :, 0] / -8).astype("<f2")).all(), f"{name}: scales are not the largest over -8, as halves")
            elif rule == "max":
                check((scales == abs(largest[:, :, 0] / 7).astype("<f2")).all(), f"{name}: scales are not the largest over 7, as halves")
            all_codes = numpy.arange(-8, 8)[:, None, None, None] * scale
            best = abs(all_codes - blocks).min(0)
            beyond = abs(codes * scale - blocks) - best
            check(beyond.max() <= 1e-6 * abs(w).max(), f"{rule}: {name}: a code is not the nearest, by {beyond.max()}")
            errors[rule] += ((codes * scale - blocks) ** 2).sum()
        again = gguf_reader(on.export(path, f"{rule}-again.gguf", "--type", "float32", "--rotation", "none"))
        for name in file.places:
            check((again.values(name) == file.values(name)).all(), f"{rule}: what dfrot-llm reads of {name}")
    check(errors["search"] < errors["signed"] < errors["max"], f"squared errors: {errors}")


def check_gptq(on):
    """Of the first layer's attention, whose inputs are the embedding's: GPTQ has less error than the nearest codes."""
    exact, nearest = (gguf_reader(on.folder / name) for name in ("exact.gguf", "search.gguf"))
    found = gguf_reader(on.export(on.folder / "llama", "gptq.gguf", "--type", "q4_0", "--seed", "3", "--weights", "gptq", "--ids", on.ids,
                                  "--context", "64", "--sequences", "6"))
    x = exact.values("token_embd.weight")[numpy.load(on.ids)[-6 * 64:]].astype("f8")
    x /= numpy.sqrt((x**2).mean(1, keepdims=True))
    for name in ("blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"):
        by_gptq, by_rounding = ((((each.values(name) - exact.values(name)) @ x.T) ** 2).sum() for each in (found, nearest))
        check(by_gptq < 0.9 * by_rounding, f"{name}: errors of {by_gptq} by GPTQ, {by_rounding} by rounding")


def check_package(on):
    try:
        import gguf
    except ImportError:
        print("skipped: reading with the Python package gguf, which is not installed")
        return
    for name in ("llama-bfloat16.gguf", "rotated.gguf", "search.gguf", "gptq.gguf"):
        ours = gguf_reader(on.folder / name)
        theirs = gguf.GGUFReader(on.folder / name)
        check({key: field.contents() for key, field in theirs.fields.items() if not key.startswith("GGUF.")} == ours.keys, f"{name}: keys")
        check([each.name for each in theirs.tensors] == list(ours.places), f"{name}: tensors")
        for tensor in theirs.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4")
            check((values.reshape(-1).view("u4") == ours.values(tensor.name).reshape(-1).view("u4")).all(), f"{name}: {tensor.name}")


def check_refusals(on):
    model, path = on.folder / "llama", on.folder / "new.gguf"
    odd = write_folder(on.folder / "odd", weights(inner=80), config(inner=80))
    short = write_folder(on.folder / "short", weights(), config(max_position_embeddings=None))
    factors = write_folder(on.folder / "factors", weights("qwen2"), config("qwen2", rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}))
    large = weights()
    large["model.layers.1.mlp.up_proj.weight"][5, 7] = 1e6
    large = write_folder(on.folder / "large", large, config())
    nan = weights()
    nan["model.layers.1.mlp.up_proj.weight"][5, 7] = numpy.nan
    nan = write_folder(on.folder / "nan", nan, config())
    codes = ("--type", "q4_0")
    for code, source, options, word in (
            (2, model, ("--format", "gguf", "-o", on.folder / "new"), ".gguf"), (2, model, ("--file-size", 1 << 20), "--file-size"),
            (2, model, ("--type", "q8_0"), "--type"), (2, model, ("--format", "folder", *codes), "--format gguf"),
            (2, model, ("--group", 32), "--group"), (2, model, (*codes, "--group", 64), "32 channels"),
            (2, model, ("--down-hadamard", 32), "cannot be said"), (2, model, (*codes, "--weights", "gptq"), "a text is needed"),
            (2, model, (*codes, "--ids", on.ids), "gptq"), (2, model, ("--range", "max"), "--range"),
            (2, model, (*codes, "--weights", "gptq", "--ids", on.ids, "--sequences", 0), "--sequences"),
            (3, model, (*codes, "--weights", "gptq", "--ids", on.ids, "--sequences", 99), "99"),
            (3, odd, codes, "rows of 80 values"), (3, short, (), "max_position_embeddings"), (3, factors, (), "factor of its own"),
            (3, large, (), "cannot store"), (3, nan, codes, "NaN"), (3, model, ("-o", on.folder / "no" / "new.gguf"), "new.gguf")):
        done = on.run("export", source, *(() if "-o" in options else ("-o", path)), *options)
        said = done.stderr
        check(done.returncode == code and word in said and said.count("\n") == 1, f"{options}: exit status {done.returncode}: {said}")
    same = on.folder / "plain.gguf"
    before = same.read_bytes()
    done = on.run("export", same, "-o", same)
    check(done.returncode == 2 and "overwritten" in done.stderr and same.read_bytes() == before, f"onto itself: {done.stderr}")
    left = [each.name for each in on.folder.iterdir() if each.name.startswith((".", "new"))]
    check(not left, f"left behind: {left}")


def main(arguments):
    with tempfile.TemporaryDirectory() as name:
        on = test(arguments[1], pathlib.Path(name))
        for each in (check_models, check_positions, check_keys_of_files, check_codes, check_gptq, check_package, check_refusals):
            each(on)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

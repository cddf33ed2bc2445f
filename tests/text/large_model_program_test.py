#!/usr/bin/env python3
"""dfrot-llm on models larger than the memory that it may have.

    large_model_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

Writes models whose weights are holes: files of gigabytes that take a few blocks of a disk, and read as zeros. Zeros add nothing to the
residual stream; one word has an embedding, and a row in the head, so that its probability can be written down. The program
may have a fraction of the file as address space (ulimit -v), which a file that is read or mapped as a whole does not fit into.
"""

import json
import math
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile

HIDDEN, INTERMEDIATE, LAYERS, HEADS, VOCABULARY = 1024, 4096, 5, 16, 1 << 14
WORD, LOGIT = VOCABULARY - 3, 8
UNUSED = 3 << 19  # rows of a tensor that no model has, so that all others stand beyond the fourth gigabyte
LIMIT = 256 << 20  # the layers alone are more
FLOAT = 4
failures = []


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


def tensors(name):
    """Rows and columns by name(role, layer)."""
    layer = {"attention gain": (1, HIDDEN), "q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "o": (HIDDEN, HIDDEN),
             "mlp gain": (1, HIDDEN), "gate": (INTERMEDIATE, HIDDEN), "up": (INTERMEDIATE, HIDDEN), "down": (HIDDEN, INTERMEDIATE)}
    shapes = {"unused": (UNUSED, HIDDEN), name("embedding", None): (VOCABULARY, HIDDEN)}
    shapes.update({name(role, k): shape for k in range(LAYERS) for role, shape in layer.items()})
    shapes.update({name("gain", None): (1, HIDDEN), name("head", None): (VOCABULARY, HIDDEN)})
    return shapes


def write_values(path, header, offsets, name):
    """A hole for each tensor; only the word and the last gain are written."""
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + offsets[None])
        for role, row, value in (("embedding", WORD, 1), ("gain", 0, 1), ("head", WORD, LOGIT / HIDDEN)):
            file.seek(len(header) + offsets[name(role, None)] + row * HIDDEN * FLOAT)
            file.write(struct.pack("<f", value) * HIDDEN)
    facts = path.stat()
    if facts.st_blocks * 512 > facts.st_size / 100:
        print(f"skipped: the file system of {path} has no holes")
        sys.exit(77)
    return facts.st_size


def offsets_of(shapes):
    """Where each tensor begins, and under None where the last one ends."""
    offsets, at = {}, 0
    for name, (rows, columns) in shapes.items():
        offsets[name] = at
        at += rows * columns * FLOAT
    return offsets | {None: at}


def write_gguf(path):
    parts = {"attention gain": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "mlp gain": "ffn_norm",
             "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down", "embedding": "token_embd", "gain": "output_norm", "head": "output"}

    def name(role, layer):
        return ("" if layer is None else f"blk.{layer}.") + parts[role] + ".weight"

    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    numbers = {"embedding_length": HIDDEN, "feed_forward_length": INTERMEDIATE, "block_count": LAYERS, "attention.head_count": HEADS}
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("llama"),
            text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5)]
    keys += [text("llama." + key) + struct.pack("<II", 4, value) for key, value in numbers.items()]
    shapes = tensors(name)
    offsets = offsets_of(shapes)
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(keys)) + b"".join(keys)
    for each, (rows, columns) in shapes.items():
        sizes = (columns,) if rows == 1 else (columns, rows)
        header += text(each) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, 0, offsets[each])
    return write_values(path, header.ljust((len(header) + 31) // 32 * 32, b"\0"), offsets, name)


def write_folder(folder):
    parts = {"attention gain": "input_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
             "o": "self_attn.o_proj", "mlp gain": "post_attention_layernorm", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
             "down": "mlp.down_proj", "embedding": "model.embed_tokens", "gain": "model.norm", "head": "lm_head"}

    def name(role, layer):
        return ("" if layer is None else f"model.layers.{layer}.") + parts[role] + ".weight"

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(
        {"model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS,
         "num_attention_heads": HEADS, "rms_norm_eps": 1e-5, "tie_word_embeddings": False}), encoding="utf-8")
    shapes = tensors(name)
    offsets = offsets_of(shapes)
    entries = {each: {"dtype": "F32", "shape": [columns] if rows == 1 else [rows, columns],
                      "data_offsets": [offsets[each], offsets[each] + rows * columns * FLOAT]} for each, (rows, columns) in shapes.items()}
    text = json.dumps(entries).encode()
    text = text.ljust((len(text) + 7) // 8 * 8)
    return write_values(folder / "model.safetensors", struct.pack("<Q", len(text)) + text, offsets, name)


def write_ids(path, count):
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({count},), }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<i", WORD) * count)


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))


def main(arguments):
    expected = (VOCABULARY - 1) / math.exp(LOGIT / math.sqrt(1 + 1e-5)) + 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        ids, report = folder / "ids.npy", folder / "report.json"
        write_ids(ids, 16)
        for model, write in (("model.gguf", write_gguf), ("model", write_folder)):
            size = write(folder / model)
            done = subprocess.run([arguments[1], "perplexity", folder / model, "--ids", ids, "--context", "16", "--rotations", "none",
                                   "--schemes", "16-16-16", "--report", report], capture_output=True, text=True, timeout=500, preexec_fn=limited)
            check(done.returncode == 0, f"{model}, {size} bytes in {LIMIT}: exit status {done.returncode}: {done.stderr[-500:]}")
            if done.returncode == 0:
                found = json.loads(report.read_text(encoding="utf-8"))["results"][0]["perplexity"]
                print(f"{model}: {size >> 20} MiB in {LIMIT >> 20}, perplexity {found:.5f}")
                check(abs(found / expected - 1) < 1e-4, f"{model}: perplexity {found}, not {expected}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

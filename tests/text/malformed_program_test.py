#!/usr/bin/env python3
"""dfrot-llm and files that no program wrote so: one line that names the file, exit status 3, nothing written.

    malformed_program_test.py <dfrot-llm>     exit status 0: passed, 1: failed, 77: skipped

One table for GGUF files and one for folders; each row is a way in which readers of such files were broken. What the library's readers
say of each is tested in tests/io; here, that the program passes it on, and looks at what only a model's sizes tell.
"""

import json
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile

from tiny_model import (HEADS, LAYERS, WIDTH, WORDS, config, gguf_bytes, gguf_keys, gguf_tensors, key_bytes, numpy, safetensors_bytes,
                        text_bytes, weights, write_folder)

failures = []
HUGE = (2**64 - 1, 2**63, 2**62, 2**32)


def check(holds, text):
    if not holds:
        failures.append(text)
        print(f"FAILED: {text}")


class test:
    def __init__(self, program, folder):
        self.program, self.folder, self.count = program, folder, 0
        self.ids, self.text = folder / "ids.npy", folder / "text"
        numpy.save(self.ids, numpy.random.default_rng(5).integers(3, WORDS, 200).astype(numpy.int32))
        self.text.write_text("a b a b", encoding="utf-8")

    def run(self, *command):
        """With 4 GiB of memory: no number of a file may ask for more."""
        return subprocess.run([str(each) for each in (self.program, *command, "--threads", 1)], capture_output=True, text=True, timeout=60,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)))

    def commands(self, model, *tokens):
        """Exports and measures a model; with a text, whose tokenizer alone is wrong, there is only something to measure."""
        if not tokens:
            yield self.run("export", model, "-o", self.folder / ("out.gguf" if model.is_dir() else "out"), "--rotation", "none")
        yield self.run("perplexity", model, *(tokens or ("--ids", self.ids, "--bos", 1)), "--context", 16, "--sequences", 1, "--rotations", "none",
                       "--schemes", "16-16-16", "--report", self.folder / "r.json")

    def left(self):
        return [each.name for each in self.folder.rglob("*") if each.is_file() and (each.name.startswith((".", "out", "r.json")) or each.parent.name == "out")]

    def refuse(self, what, model, word="", tokens=()):
        self.count += 1
        for done in self.commands(model, *tokens):
            said = done.stderr
            check(done.returncode == 3 and model.name in said and word in said and said.count("\n") == 1 and len(said) < 800 and not done.stdout,
                  f"{what}: {done.args[1]}: exit status {done.returncode}: {said[-300:]}{done.stdout[:100]}")
        check(not self.left(), f"{what}: left behind: {self.left()}")


def check_sound(on, model):
    for done in on.commands(model):
        check(done.returncode == 0, f"{model.name}: exit status {done.returncode}: {done.stderr[-300:]}")
    for path in (on.folder / "out.gguf", on.folder / "r.json", on.folder / "out" / "model.safetensors", on.folder / "out" / "config.json"):
        path.unlink(missing_ok=True)


def check_gguf(on):
    infos, data = gguf_tensors(weights())
    keys = gguf_keys()
    path = on.folder / "model.gguf"

    def listed(entries):
        return [key_bytes(key, *value) for key, value in entries.items()]

    def refuse(what, content, word="", tokens=()):
        path.write_bytes(content)
        on.refuse(f"gguf: {what}", path, word, tokens)

    def with_key(key, kind, value):
        return gguf_bytes(listed(keys | {key: (kind, value)}), infos, data)

    def with_tensor(place, **change):
        changed = [dict(zip(("name", "sizes", "kind", "offset"), each)) for each in infos]
        changed[place] |= change
        return gguf_bytes(listed(keys), [list(each.values()) for each in changed], data)

    def with_raw_key(raw):
        return gguf_bytes(listed(keys) + [raw], infos, data)

    sound = gguf_bytes(listed(keys), infos, data)
    path.write_bytes(sound)
    check_sound(on, path)
    for number in HUGE:
        refuse(f"1: tensors {number}", gguf_bytes(listed(keys), infos, data, more_tensors=number - len(infos)), "truncated")
        refuse(f"1: keys {number}", gguf_bytes(listed(keys), infos, data, more_keys=number - len(keys)))
        refuse(f"5: columns {number}", with_tensor(0, sizes=[number, WORDS]))
        refuse(f"12: text of {number}", with_raw_key(text_bytes("k") + struct.pack("<IQ", 8, number) + b"abc"), "truncated")
        refuse(f"12: array of {number}", with_raw_key(text_bytes("k") + struct.pack("<IIQ", 9, 8, number) + b"abc"), "truncated")
    for count in (0, 5):
        refuse(f"2: {count} dimensions", with_tensor(0, sizes=[1] * count), "dimensions")
    refuse("2: none of a size", with_tensor(0, sizes=[0, WORDS]), "empty")
    refuse("3: a sum that wraps", gguf_bytes(listed(keys), infos + [[f"t{i}", [2**59], 24, 0] for i in range(20)], data))
    refuse("5: blocks", with_tensor(0, sizes=[2**60 - 32, 2], kind=2))
    for alignment in (0, 3, 2**31):
        refuse(f"6: alignment {alignment}", with_key("general.alignment", "I", alignment))
    refuse("6: alignment, a text", with_key("general.alignment", str, "32"))
    refuse("7: product 0", with_tensor(0, sizes=[2**32, 2**32]), "larger than any file")
    refuse("7: product negative", with_tensor(0, sizes=[2**32, 2**31]), "larger than any file")
    refuse("8: offset beyond", with_tensor(3, offset=len(data) + 32), "not all in the file")
    refuse("8: offset that wraps", with_tensor(3, offset=2**64 - 64), "not all in the file")
    for size in (0, 3, 30, len(sound) - len(data) - 40, len(sound) - 33):
        refuse(f"8: {size} bytes of it", sound[:size])
    refuse("9: other rows than the keys say", with_tensor(2, sizes=[WIDTH, HEADS]), "but the sizes of the model say")
    refuse("9: larger numbers than there is room", with_tensor(0, kind=28), "overlap")
    refuse("10: one in the other", with_tensor(1, offset=infos[0][3] + 32), "overlap")
    refuse("12: arrays in arrays", with_raw_key(text_bytes("k") + struct.pack("<IIQ", 9, 9, 1) * 50), "array of arrays")
    refuse("13: an array of sizes", with_key("llama.block_count", "I", [LAYERS]), "block_count")
    refuse("13: a text for a size", with_key("llama.block_count", str, "2"), "block_count")
    refuse("13: a size for a text", with_key("general.architecture", "I", 1), "general.architecture")
    refuse("14: a key twice", gguf_bytes(listed(keys) + [key_bytes("llama.block_count", "I", 1)], infos, data), "twice")
    for key in ("", "a\0b", "k" * (1 << 20), "\u00e9"):
        refuse("14: a key", gguf_bytes(listed(keys | {key: ("I", 1)}), infos, data))
    refuse("14: a tensor twice", with_tensor(1, name=infos[0][0]), "twice")
    for name in (b"", b"a\0b", b"\x1b[31m", b"n" * 70000):
        refuse("14: a tensor's name", with_tensor(0, name=name))
    refuse("15: a key's type", with_raw_key(text_bytes("k") + struct.pack("<I", 2**31)), "not known")
    for kind in (4, 99, 2**32 - 1):
        refuse(f"15: a tensor's type {kind}", with_tensor(len(infos) - 1, kind=kind))
    refuse("15: a version", b"GGUF" + struct.pack("<I", 9) + sound[8:], "version 9")
    for key, values in (("block_count", (0, LAYERS + 1, 2**31, 2**32 - 1)), ("attention.head_count", (0, 3, 2**32 - 1)),
                        ("attention.head_count_kv", (0, 3)), ("embedding_length", (0, 32, 2**32 - 1)), ("feed_forward_length", (0, 2**32 - 1)),
                        ("attention.key_length", (0, 7, 2**32 - 1)), ("rope.dimension_count", (0, 8))):
        for value in values:
            refuse(f"17: {key} {value}", with_key(f"llama.{key}", "I", value))
    for key in ("rope.freq_base", "attention.layer_norm_rms_epsilon"):
        for value in (float("nan"), -1.0):
            refuse(f"17: {key} {value}", with_key(f"llama.{key}", "f", value))
    refuse("17: another architecture", with_key("general.architecture", str, "gpt9"), "gpt9")
    refuse("17: no layers' tensors", gguf_bytes(listed(keys), infos[:2], data), "missing")
    tokenizer = {"tokenizer.ggml.model": (str, "gpt2"), "tokenizer.ggml.tokens": (str, [f"t{i}" for i in range(WORDS)]),
                 "tokenizer.ggml.merges": (str, ["t 0"])}
    for what, change in (("no words", {"tokenizer.ggml.tokens": ("i", [1] * WORDS)}), ("kinds", {"tokenizer.ggml.token_type": ("i", [77] * WORDS)}),
                         ("few kinds", {"tokenizer.ggml.token_type": ("i", [1])}), ("merges", {"tokenizer.ggml.merges": (str, ["nospace"])}),
                         ("model", {"tokenizer.ggml.model": (str, "other")}), ("pre", {"tokenizer.ggml.pre": (str, "other")}),
                         ("scores", {"tokenizer.ggml.model": (str, "llama"), "tokenizer.ggml.scores": ("f", [0.0])})):
        refuse(f"16: tokenizer: {what}", gguf_bytes(listed(keys | tokenizer | change), infos, data), tokens=("--text", on.text))
    poisoned = numpy.frombuffer(data, "<f4").copy()
    poisoned[infos[3][3] // 4 + 5] = numpy.inf
    refuse("a weight that is infinite", gguf_bytes(listed(keys), infos, poisoned.tobytes()), "infinity")


def check_folders(on):
    tensors, settings = weights(), config()
    folder = write_folder(on.folder / "model", tensors, settings)
    file, about, index = folder / "model.safetensors", folder / "config.json", folder / "model.safetensors.index.json"
    sound = file.read_bytes()
    (length,) = struct.unpack_from("<Q", sound)
    header, data = json.loads(sound[8:8 + length]), sound[8 + length:]
    first, second = "model.embed_tokens.weight", "model.norm.weight"
    check_sound(on, folder)

    def refuse(what, content, word=""):
        file.write_bytes(content)
        on.refuse(f"folder: {what}", folder, word)
        file.write_bytes(sound)

    def with_text(text):
        text = text if isinstance(text, bytes) else text.encode()
        return struct.pack("<Q", len(text)) + text + data

    def with_entry(name=first, **change):
        return with_text(json.dumps(header | {name: header[name] | change}))

    begin, end = header[first]["data_offsets"]
    for shape in ([2**32, 2**32], [2**63, 2], [2**64 - 1, 2**64 - 1], [-1, -1], [1.5, 2], ["96", "64"], [0, 64], [[96, 64]], None):
        refuse(f"2, 7: shape {shape}", with_entry(shape=shape))
    for size in (0, 7, 8, 20, len(sound) - 5):
        refuse(f"8: {size} bytes of it", sound[:size])
    refuse("9: fewer bytes than the shape takes", with_entry(shape=[WORDS, WIDTH - 1]))
    refuse("9: more", with_entry(shape=[WORDS, WIDTH + 1]))
    refuse("9: other rows than config.json says", with_text(json.dumps(header | {first: header[first] | {"shape": [WIDTH, WORDS]}})), "config.json")
    for offsets in ([end, begin], [begin, end, end], [begin], [begin + 4, end + 4], [0, 2**64 - 1], [-4, end], ["0", "4"], [2**63, 2**63 + end], {}):
        refuse(f"10: offsets {offsets}", with_entry(data_offsets=offsets))
    refuse("10: one in the other", with_entry(second, data_offsets=[begin, begin + 4 * WIDTH]))
    refuse("10: bytes behind all of them", sound + b"PK\3\4")
    for claimed in (len(sound), 100_000_001, 2**63, 2**64 - 8, 2**64 - 1):
        refuse(f"11: a header of {claimed}", struct.pack("<Q", claimed) + sound[8:])
    refuse("12: nested deeply", with_text("[" * 100_000))
    refuse("12: no object", with_text("[1]"))
    refuse("14: a tensor twice", with_text(json.dumps(header)[:-1] + f', "{first}": {json.dumps(header[first])}' + "}"), "twice")
    refuse("14: a key twice", with_text(json.dumps(header).replace('"dtype"', '"dtype": "F32", "dtype"', 1)))
    refuse("14: no UTF-8", with_text(json.dumps(header).encode().replace(b"model.norm", b"model.n\xffrm")))
    for dtype in ("F99", "", "f32", 7, None):
        refuse(f"15: type {dtype}", with_entry(dtype=dtype))
    refuse("17: a tensor is missing", with_text(json.dumps({first: header[first]})))
    poisoned = numpy.frombuffer(data, "<f4").copy()
    poisoned[header["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0] // 4 + 5] = numpy.nan
    refuse("a weight that is no number", sound[:8 + length] + poisoned.tobytes(), "NaN")

    def refuse_settings(what, text, word=""):
        about.write_bytes(text if isinstance(text, bytes) else text.encode())
        on.refuse(f"config.json: {what}", folder, word)
        about.write_text(json.dumps(settings), encoding="utf-8")

    for key, values in (("num_hidden_layers", (0, LAYERS + 1, 2**31, 2**64 - 1, -1, 2.5, "2", [2])), ("num_attention_heads", (0, 3, 2**63)),
                        ("num_key_value_heads", (0, 3)), ("hidden_size", (0, 32, 2**63, 1e300)), ("intermediate_size", (0, 2**63)),
                        ("vocab_size", (0, WORDS + 1, 2**63)), ("head_dim", (0, 7, 2**63)), ("rope_theta", (0, -1, "x")), ("rms_norm_eps", (-1,)),
                        ("model_type", ("gpt9", 7, None)), ("hidden_act", ("gelu",)), ("rope_scaling", (7, {"rope_type": "yarn", "factor": 2})),
                        ("rope_parameters", (7, {"rope_type": "yarn"}, {"rope_theta": 5.0}, {"rope_theta": "x"}, {"rope_type": "linear"}))):
        for value in values:
            refuse_settings(f"17: {key} {value}", json.dumps(settings | {key: value}))
    for what, text in (("no object", "[]"), ("empty", ""), ("nested deeply", '{"a":' * 100_000), ("a key twice", '{"a": 1, "a": 2}'), ("no UTF-8", b'{"\xff": 1}'),
                       ("a number beyond all", json.dumps(settings).replace("10000.0", "1e999"))):
        refuse_settings(f"12, 14: {what}", text)
    words = {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}}
    for what, text in (("empty", ""), ("nested deeply", "[" * 100_000), ("no words", json.dumps(words | {"model": {"type": "BPE", "merges": []}})),
                       ("an id beyond all", json.dumps(words).replace('"b": 1', f'"b": {2**63}')), ("a negative id", json.dumps(words).replace('"b": 1', '"b": -1')),
                       ("an id twice", json.dumps(words).replace('"b": 1', '"b": 0')), ("merges", json.dumps(words).replace("[]", '["nospace"]')),
                       ("another kind", json.dumps(words).replace("BPE", "Unigram"))):
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        on.refuse(f"16: tokenizer.json: {what}", folder, "tokenizer.json", tokens=("--text", on.text))
    file.rename(folder / "a.safetensors")
    for what, places in (("a file that is missing", {first: "b.safetensors"}), ("a file elsewhere", {first: "../model/a.safetensors"}),
                         ("a file by its full name", {first: "/etc/passwd"}), ("no files' names", {first: 7}), ("no map", 7), ("a tensor that the file lacks", {"x": "a.safetensors"})):
        index.write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
        on.refuse(f"index: {what}", folder)


def check_arrays(on):
    """Token ids and rotations: .npy files."""
    model = write_folder(on.folder / "sound", weights(), config())
    bad = on.folder / "bad.npy"

    def array(text, numbers=b"", version=1, claimed=None):
        form = "<H" if version == 1 else "<I"
        return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(form, len(text) if claimed is None else claimed) + text.encode() + numbers

    def header(descr, shape):
        return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"

    for what, content in (("18: a length", array("", version=2, claimed=2**32 - 16)), ("19: longer than the file", array("", claimed=65535)),
                          ("20: a product that wraps", array(header("<i8", "(4294967296, 4294967296)"))), ("20: no dimension", array(header("<i8", "()"), bytes(8))),
                          ("20: negative", array(header("<i8", "(-1,)"), bytes(8))), ("21: objects", array(header("|O", "(1,)"), bytes(8))),
                          ("21: big endian", array(header(">i8", "(1,)"), bytes(8))), ("21: nothing", array(header("", "(1,)"), bytes(8))),
                          ("8: truncated", array(header("<i8", "(99,)"), bytes(8))), ("empty", b"")):
        bad.write_bytes(content)
        on.count += 1
        for done in (on.run("export", model, "-o", on.folder / "out.gguf", "--rotation", bad),
                     on.run("perplexity", model, "--ids", bad, "--report", on.folder / "r.json")):
            check(done.returncode == 3 and "bad.npy" in done.stderr and done.stderr.count("\n") == 1, f"{what}: {done.args[1]}: {done.returncode}: {done.stderr}")
        check(not on.left(), f"{what}: left behind: {on.left()}")


def main(arguments):
    with tempfile.TemporaryDirectory() as name:
        on = test(arguments[1], pathlib.Path(name))
        for each in (check_gguf, check_folders, check_arrays):
            each(on)
    print(f"{on.count} files")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

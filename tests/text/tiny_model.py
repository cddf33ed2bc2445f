"""A model of a few thousand weights, and files of models as bytes: what the tests of dfrot-llm's files share.

Readers and writers here are their own, not the library's, so that both sides of a file are looked at.
"""

import json
import struct
import sys

try:
    import numpy
except ImportError:
    print("skipped: numpy is missing")
    sys.exit(77)

WIDTH, INNER, HEADS, KV_HEADS, HEAD, WORDS, LAYERS = 64, 96, 4, 2, 16, 96, 2
DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def weights(biases=None, inner=INNER, seed=0):
    """Tensors by their names in a folder, float32. Gains are not 1, so that folding them shows.   biases: those of "qwen2", or none"""
    draw = numpy.random.default_rng(seed)
    shapes = {"model.embed_tokens.weight": (WORDS, WIDTH), "model.norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        for part, shape in (("self_attn.q_proj.weight", (HEADS * HEAD, WIDTH)), ("self_attn.k_proj.weight", (KV_HEADS * HEAD, WIDTH)),
                            ("self_attn.v_proj.weight", (KV_HEADS * HEAD, WIDTH)), ("self_attn.o_proj.weight", (WIDTH, HEADS * HEAD)),
                            ("mlp.gate_proj.weight", (inner, WIDTH)), ("mlp.up_proj.weight", (inner, WIDTH)),
                            ("mlp.down_proj.weight", (WIDTH, inner)), ("input_layernorm.weight", (WIDTH,)),
                            ("post_attention_layernorm.weight", (WIDTH,))):
            shapes[f"model.layers.{layer}.{part}"] = shape
        if biases == "qwen2":
            for part, rows in (("q", HEADS * HEAD), ("k", KV_HEADS * HEAD), ("v", KV_HEADS * HEAD)):
                shapes[f"model.layers.{layer}.self_attn.{part}_proj.bias"] = (rows,)
    return {name: (draw.uniform(0.5, 2, shape) if "norm" in name else draw.normal(size=shape) * 0.3).astype("<f4")
            for name, shape in shapes.items()}


def config(kind="llama", inner=INNER, **other):
    return {"model_type": kind, "hidden_size": WIDTH, "intermediate_size": inner, "num_hidden_layers": LAYERS, "head_dim": HEAD,
            "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": WORDS, "max_position_embeddings": 128,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": True, **other}


def safetensors_bytes(tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write_folder(folder, tensors, settings):
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors_bytes(tensors))
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def widened(stored, dtype):
    """Numbers as they are stored to float32, exactly."""
    return (stored.astype("<u4") << 16).view("<f4") if dtype == "BF16" else stored.astype("<f4")


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + each for each in entry["data_offsets"])
            tensors[name] = widened(numpy.frombuffer(data[begin:end], DTYPES[entry["dtype"]]), entry["dtype"]).reshape(entry["shape"])
    return tensors


def text_bytes(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def key_bytes(key, kind, value):
    """A key of a GGUF file; the kinds are those of struct, or str, or a list of such."""
    numbers = {"I": 4, "i": 5, "f": 6, "?": 7, str: 8}

    def plain(element):
        return text_bytes(element) if kind is str else struct.pack("<" + kind, element)
    if isinstance(value, list):
        return text_bytes(key) + struct.pack("<IIQ", 9, numbers[kind], len(value)) + b"".join(map(plain, value))
    return text_bytes(key) + struct.pack("<I", numbers[kind]) + plain(value)


def gguf_keys(**other):
    """The keys of a llama's file, by their names, as key_bytes() takes them."""
    llama = {"context_length": ("I", 128), "embedding_length": ("I", WIDTH), "feed_forward_length": ("I", INNER), "block_count": ("I", LAYERS),
             "attention.head_count": ("I", HEADS), "attention.head_count_kv": ("I", KV_HEADS), "rope.freq_base": ("f", 10000.0),
             "attention.layer_norm_rms_epsilon": ("f", 1e-5)}
    keys = {"general.architecture": (str, "llama")} | {f"llama.{key}": value for key, value in llama.items()}
    return keys | {key: value for key, value in other.items()}


def gguf_tensors(tensors):
    """Name, sizes as the file has them, type and offset of each, and their bytes."""
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "model.layers": "blk", "self_attn.q_proj": "attn_q",
             "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
             "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    infos, data = [], b""
    for name, values in tensors.items():
        for old in sorted(names, key=len, reverse=True):
            name = name.replace(old, names[old])
        infos.append([name, list(values.shape[::-1]), 0, len(data)])
        data += values.tobytes() + bytes(-values.nbytes % 32)
    return infos, data


def gguf_bytes(keys, infos, data, more_keys=0, more_tensors=0):
    """A file of keys as bytes, tensors and their numbers."""
    head = b"GGUF" + struct.pack("<IQQ", 3, (len(infos) + more_tensors) % 2**64, (len(keys) + more_keys) % 2**64) + b"".join(keys)
    for name, sizes, kind, offset in infos:
        name = name if isinstance(name, bytes) else name.encode()
        head += struct.pack("<Q", len(name)) + name + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
    return head + bytes(-len(head) % 32) + data


class gguf_reader:
    """Keys and tensors of a GGUF file: F32, F16, BF16 as float32, and the blocks of Q4_0 as scales and codes."""

    def __init__(self, path):
        self.data = path.read_bytes()
        magic, _, tensors, keys = struct.unpack_from("<4sIQQ", self.data)
        assert magic == b"GGUF", path
        self.at = 24
        self.keys = {}
        for _ in range(keys):
            key = self.text()
            self.keys[key] = self.value(*self.take("<I"))
        self.end_of_keys = self.at
        places = []
        for _ in range(tensors):
            name = self.text()
            (dimensions,) = self.take("<I")
            shape = self.take(f"<{dimensions}Q")[::-1]
            places.append((name, shape, *self.take("<IQ")))
        self.begin = self.at + -self.at % 32
        self.types = {name: {0: "F32", 1: "F16", 2: "Q4_0", 30: "BF16"}[kind] for name, _, kind, _ in places}
        self.places = {name: (shape, self.begin + offset) for name, shape, _, offset in places}

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def text(self):
        (length,) = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == 9:
            element, count = self.take("<IQ")
            return [self.value(element) for _ in range(count)]
        return self.text() if kind == 8 else self.take("<" + {4: "I", 5: "i", 6: "f", 7: "?"}[kind])[0]

    def with_keys(self, *keys):
        """The file's bytes with more keys."""
        end = self.end_of_keys
        head = self.data[:16] + struct.pack("<Q", len(self.keys) + len(keys)) + self.data[24:end] + b"".join(keys)
        head += self.data[end:self.at]
        return head + bytes(-len(head) % 32) + self.data[self.begin:]

    def blocks(self, name):
        """Of Q4_0: scales (rows x groups) as halves, and codes (rows x groups x 32), -8 to 7."""
        shape, begin = self.places[name]
        stored = numpy.frombuffer(self.data, "u1", shape[0] * shape[1] // 32 * 18, begin).reshape(shape[0], shape[1] // 32, 18)
        nibbles = stored[:, :, 2:]
        codes = numpy.concatenate([nibbles & 15, nibbles >> 4], axis=2).astype(numpy.int32) - 8
        return numpy.ascontiguousarray(stored[:, :, :2]).view("<f2")[:, :, 0], codes

    def values(self, name):
        shape, begin = self.places[name]
        if self.types[name] == "Q4_0":
            scales, codes = self.blocks(name)
            return (scales.astype("<f4")[:, :, None] * codes.astype("<f4")).reshape(shape)
        stored = numpy.frombuffer(self.data, DTYPES[self.types[name]], int(numpy.prod(shape)), begin)
        return widened(stored, self.types[name]).reshape(shape)

#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: a few sound inputs each, and one for each way in which such files were broken elsewhere.

    make_corpus.py [folder]      the folder is corpus/, beside this script

What fuzzing finds is added to the folders by hand, under a name that says what it was. The checkpoints take the module xxhash
(Debian: python3-xxhash); without it they are left as they are.
"""

import json
import pathlib
import random
import struct
import sys

try:
    import xxhash
except ImportError:
    xxhash = None


def npy(shape="(2, 3)", descr="'<f4'", order="False", numbers=None, version=b"\1\0", text=None, length=None):
    """An .npy file; what is not given is sound."""
    text = text if text is not None else f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text = (text + "\n").encode("latin-1")
    length = len(text) if length is None else length
    size = struct.pack("<H", length & 0xffff) if version[0] == 1 else struct.pack("<I", length)
    return b"\x93NUMPY" + version + size + text + (struct.pack("<6f", *range(6)) if numbers is None else numbers)


def npy_seeds():
    yield "sound-f4", npy()
    yield "sound-f2", npy(descr="'<f2'", numbers=struct.pack("<6e", *range(6)))
    yield "sound-f8-columns", npy(descr="'<f8'", order="True", numbers=struct.pack("<6d", *range(6)))
    yield "sound-v2", npy(version=b"\2\0")
    yield "sound-v3-python2", npy(version=b"\3\0", shape="(2L, 3L)")
    yield "sound-u2", npy(descr="'<u2'", numbers=bytes(range(12)))
    yield "sound-many-rows", npy(shape="(40, 3)", numbers=struct.pack("<120f", *range(120)))
    yield "large-numbers", npy(descr="'<f8'", numbers=struct.pack("<6d", 1e300, -1e39, 7e4, float("inf"), float("nan"), 5e-324))
    yield "header-length-beyond-file", npy(version=b"\2\0", length=0xfffffff0)[:12]
    yield "header-length-as-signed", npy(length=0x8000)
    yield "header-longer-than-buffer", npy(length=200)
    yield "header-of-70000-claimed", npy(version=b"\2\0", length=70000)
    yield "truncated-magic", b"\x93NUM"
    yield "truncated-length", b"\x93NUMPY\2\0\7"
    yield "truncated-numbers", npy()[:-1]
    yield "bytes-after-the-numbers", npy() + b"x"
    yield "shape-negative", npy(shape="(-2, 3)")
    yield "shape-product-wraps", npy(shape="(4611686018427387905, 4)", numbers=bytes(16))
    yield "shape-product-wraps-to-0", npy(shape="(4294967296, 4294967296)", numbers=b"")
    yield "shape-nbytes-wraps", npy(shape="(4611686018427387904, 1)", numbers=b"")
    yield "shape-2-to-the-64", npy(shape="(18446744073709551616, 1)")
    yield "shape-empty-tuple", npy(shape="()")
    yield "shape-1-D", npy(shape="(6,)")
    yield "shape-3-D", npy(shape="(1, 2, 3)")
    yield "shape-33-D", npy(shape="(" + "1, " * 33 + ")")
    yield "shape-no-rows", npy(shape="(0, 3)", numbers=b"")
    yield "shape-no-columns", npy(shape="(2, 0)", numbers=b"")
    yield "shape-digit-grouping", npy(shape="(2,621, 401)")
    yield "descr-empty", npy(descr="''")
    yield "descr-without-size", npy(descr="'<i'")
    yield "descr-order-only", npy(descr="'<'")
    yield "descr-text-of-any-length", npy(descr="'|S99999999999999999999'")
    yield "descr-pickle", npy(descr="'|O'")
    yield "descr-big-endian", npy(descr="'>f4'")
    yield "descr-integers", npy(descr="'<i4'")
    yield "descr-records", npy(descr="[('a', '<f4')]")
    yield "descr-bfloat16", npy(descr="'<V2'", numbers=bytes(12))
    yield "descr-with-a-line-break", npy(descr="'\n\x1b[31m'")
    yield "descr-does-not-end", npy(text="{'descr': '<f4")
    yield "key-twice", npy(text="{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }")
    yield "key-unknown", npy(text="{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x\\0': 1}")
    yield "key-missing", npy(text="{'descr': '<f4', 'shape': (2, 3), }")
    yield "version-4", npy(version=b"\4\0")
    yield "version-255", npy(version=b"\xff\xff")
    yield "zip", b"PK\3\4" + bytes(20)
    yield "pickle", b"\x80\4\x95" + bytes(20)
    yield "empty", b""


def gguf_text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(value)) + value


def gguf_key(name, kind, value):
    return gguf_text(name) + struct.pack("<I", kind) + value


def gguf_array(kind, count, elements):
    return struct.pack("<IQ", kind, count) + elements


def gguf_tensor(name="a", sizes=(4, 2), kind=0, offset=0, dimensions=None):
    """What a header says of a tensor; sizes in the file's order, the neighbouring dimension first."""
    count = len(sizes) if dimensions is None else dimensions
    return gguf_text(name) + struct.pack(f"<I{len(sizes)}QIQ", count, *sizes, kind, offset)


def gguf(keys=None, tensors=None, data=bytes(range(32)), magic=b"GGUF", version=3, counts=None):
    """A GGUF file; what is not given is sound."""
    keys = [gguf_key("general.architecture", 8, gguf_text("llama"))] if keys is None else keys
    tensors = [gguf_tensor()] if tensors is None else tensors
    counts = counts or (len(tensors), len(keys))
    header = magic + struct.pack("<I2Q", version, *counts) + b"".join(keys) + b"".join(tensors)
    return header + bytes(-len(header) % 32) + data


def gguf_seeds():
    blocks = {"f32": (0, 1, 4), "f16": (1, 1, 2), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20), "q5_0": (6, 32, 22), "q5_1": (7, 32, 24),
              "q8_0": (8, 32, 34), "q4_k": (12, 256, 144), "q5_k": (13, 256, 176), "q6_k": (14, 256, 210), "bf16": (30, 1, 2),
              "mxfp4": (39, 32, 17)}
    for name, (kind, columns, size) in blocks.items():
        yield f"sound-{name}", gguf(tensors=[gguf_tensor(sizes=(columns, 3), kind=kind)], data=random.Random(kind).randbytes(3 * size))
    numbers = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
    keys = [gguf_key(f"k{kind}", kind, struct.pack(form, 1)) for kind, form in numbers.items()]
    keys += [gguf_key(f"a{kind}", 9, gguf_array(kind, 2, struct.pack(form, 0) + struct.pack(form, 1))) for kind, form in numbers.items()]
    yield "sound-keys", gguf(keys + [gguf_key("texts", 9, gguf_array(8, 2, gguf_text("a") + gguf_text("")))])
    yield "sound-two-tensors", gguf(tensors=[gguf_tensor("b", offset=32), gguf_tensor("a")], data=bytes(64))
    yield "sound-v2", gguf(version=2)
    yield "version-1", gguf(version=1)
    yield "big-endian", gguf(version=0x03000000)
    yield "older-format", gguf(magic=b"tjgg")
    yield "count-of-tensors-2-to-the-63", gguf(counts=(2**63, 1))
    yield "count-of-keys-2-to-the-63", gguf(counts=(1, 2**63))
    yield "count-wraps-times-its-size", gguf(counts=(2**64 // 33 + 1, 2**64 // 14 + 1))
    yield "text-2-to-the-63", gguf([gguf_text("k") + struct.pack("<IQ", 8, 2**63)])
    yield "text-1-GiB", gguf([gguf_text("k") + struct.pack("<IQ", 8, 2**30)])
    yield "array-2-to-the-63", gguf([gguf_key("k", 9, gguf_array(10, 2**63, b""))])
    yield "array-bytes-wrap", gguf([gguf_key("k", 9, gguf_array(10, 2**61 + 1, bytes(8)))])
    yield "array-of-texts-2-to-the-61", gguf([gguf_key("k", 9, gguf_array(8, 2**61, gguf_text("a")))])
    yield "array-of-arrays", gguf([gguf_key("k", 9, struct.pack("<IQ", 9, 1) * 100 + gguf_array(4, 1, bytes(4)))])
    yield "type-of-value-13", gguf([gguf_key("k", 13, bytes(8))])
    yield "type-of-value-negative", gguf([gguf_key("k", 2**32 - 1, bytes(8))])
    yield "key-twice", gguf([gguf_key("k", 0, b"1")] * 2)
    yield "key-empty", gguf([gguf_key("", 0, b"1")])
    yield "key-with-zero-byte", gguf([gguf_key("a\0b", 0, b"1")])
    yield "key-no-utf-8", gguf([gguf_key(b"\xff", 0, b"1")])
    yield "key-with-a-line-break", gguf([gguf_key("\n\x1b[31m", 0, b"1")])
    yield "bool-2", gguf([gguf_key("k", 7, b"\2")])
    for alignment in (0, 3, 1, 2**31, 2**32 - 1):
        yield f"alignment-{alignment}", gguf([gguf_key("general.alignment", 4, struct.pack("<I", alignment))])
    yield "alignment-a-text", gguf([gguf_key("general.alignment", 8, gguf_text("32"))])
    yield "name-twice", gguf(tensors=[gguf_tensor(), gguf_tensor(offset=32)], data=bytes(64))
    yield "name-with-zero-byte", gguf(tensors=[gguf_tensor("a\0")])
    yield "dimensions-0", gguf(tensors=[gguf_tensor(sizes=())])
    yield "dimensions-5", gguf(tensors=[gguf_tensor(sizes=(1,) * 5)])
    yield "dimensions-2-to-the-31", gguf(tensors=[gguf_tensor(dimensions=2**31)])
    yield "size-0", gguf(tensors=[gguf_tensor(sizes=(0, 2))])
    yield "size-product-wraps-to-0", gguf(tensors=[gguf_tensor(sizes=(2**32, 2**32))])
    yield "size-product-negative", gguf(tensors=[gguf_tensor(sizes=(2**32, 2**31))])
    yield "size-nbytes-wraps", gguf(tensors=[gguf_tensor(sizes=(2**61,), kind=28)])
    yield "size-no-multiple-of-the-block", gguf(tensors=[gguf_tensor(sizes=(33,), kind=2)])
    yield "type-unknown", gguf(tensors=[gguf_tensor(kind=4711)])
    yield "type-negative", gguf(tensors=[gguf_tensor(kind=2**32 - 1)])
    yield "type-not-decoded", gguf(tensors=[gguf_tensor(kind=26)])
    yield "offset-not-aligned", gguf(tensors=[gguf_tensor(offset=4)], data=bytes(64))
    yield "offset-beyond-file", gguf(tensors=[gguf_tensor(offset=64)])
    yield "offset-wraps", gguf(tensors=[gguf_tensor(offset=2**64 - 32)])
    yield "offsets-overlap", gguf(tensors=[gguf_tensor(sizes=(9,)), gguf_tensor("b", (1,), offset=32)], data=bytes(64))
    yield "offsets-equal", gguf(tensors=[gguf_tensor(), gguf_tensor("b")])
    yield "sum-of-sizes-wraps", gguf(tensors=[gguf_tensor(f"t{i}", (2**59,), 24, 32 * i) for i in range(33)])
    yield "truncated-numbers", gguf()[:-1]
    yield "truncated-header", gguf()[:60]
    yield "bytes-after-the-numbers", gguf() + b"x" * 40
    yield "another-file", npy()
    yield "empty", b""


def fnv1a(data):
    total = 0xcbf29ce484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001b3 % 2**64
    return total


def short_rotation(n=12, axes=(), basis=(), turn=(), counts=None, magic=b"DFROTSR\1", checksum=None, signs=None, padding=0,
                   after=b""):
    """A file of a short rotation; what is not given is sound: a Hadamard alone."""
    body = bytes(signs if signs is not None else [1, 255] * (n // 2) + [1] * (n % 2))
    body += bytes([padding]) * (-len(body) % 8)
    body += struct.pack(f"<{len(axes)}Q", *axes)
    body += struct.pack(f"<{len(basis)}d", *basis) + struct.pack(f"<{len(turn)}d", *turn) + after
    counts = counts or (n, len(axes), len(basis) // n)
    return magic + struct.pack("<4Q", *counts, fnv1a(body) if checksum is None else checksum) + body


def short_rotation_seeds():
    unit = [0.0, 1.0] + [0.0] * 10
    plane = [0.6, 0.8, -0.8, 0.6]
    yield "sound-hadamard", short_rotation()
    yield "sound-plane", short_rotation(axes=(0,), basis=unit, turn=plane)
    yield "sound-two-axes", short_rotation(axes=(3, 5), turn=plane)
    yield "sound-order-20", short_rotation(n=20, axes=(19,), turn=[-1.0])
    yield "sound-order-1", short_rotation(n=1)
    yield "count-0", short_rotation(n=0, counts=(0, 0, 0))
    yield "count-2-to-the-64", short_rotation(counts=(2**64 - 1, 0, 0))
    yield "count-size-wraps", short_rotation(counts=(2**40, 64, 64))
    yield "count-padded-size-wraps", short_rotation(counts=(2**64 - 7, 0, 0))
    yield "axes-2-to-the-61", short_rotation(counts=(12, 2**61, 0))
    yield "directions-2-to-the-61", short_rotation(counts=(12, 0, 2**61))
    yield "axis-beyond-channels", short_rotation(axes=(12,), turn=[1.0])
    yield "axis-2-to-the-63", short_rotation(axes=(2**63,), turn=[1.0])
    yield "axis-twice", short_rotation(axes=(3, 3), turn=plane)
    yield "basis-on-an-axis", short_rotation(axes=(1,), basis=unit, turn=plane)
    yield "basis-nan", short_rotation(basis=[float("nan")] + [0.0] * 11, turn=[1.0])
    yield "basis-infinite", short_rotation(basis=[float("inf")] + [0.0] * 11, turn=[1.0])
    yield "basis-not-orthonormal", short_rotation(basis=[2.0] + [0.0] * 11, turn=[1.0])
    yield "turn-zero", short_rotation(axes=(0,), turn=[0.0])
    yield "turn-nan", short_rotation(axes=(0,), turn=[float("nan")])
    yield "sign-0", short_rotation(signs=[0] * 12)
    yield "order-without-hadamard", short_rotation(n=13)
    yield "padding-not-0", short_rotation(padding=1)
    yield "bytes-after-the-rotation", short_rotation(after=b"x")
    yield "truncated", short_rotation()[:-1]
    yield "truncated-header", short_rotation()[:39]
    yield "checksum-wrong", short_rotation(checksum=0)
    yield "version-2", short_rotation(magic=b"DFROTSR\2")
    yield "another-file", npy()
    yield "empty", b""


def checkpoint(header, numbers=bytes(192), text=None, length=None, checksum=None):
    """A file of arrays with a checksum over all of it."""
    text = (json.dumps(header) if text is None else text).encode("latin-1")
    data = struct.pack("<Q", len(text) if length is None else length) + text + numbers
    return data + (xxhash.xxh3_128(data).digest() if checksum is None else checksum)


def checkpoint_seeds():
    if xxhash is None:
        print("checkpoint: left as it is, python3-xxhash is missing")
        return
    one = {"used": [10.0, 1.1, None], "held_out": [0.0, None, None], "seconds": 0.0, "share": 1.0, "restarted": False}
    state = {"rounds": [one], "best_round": 0, "stalled": 0, "least": 10.0, "all_tokens": True, "finished": False,
             "converged": False, "few_tokens": True}
    identity = struct.pack("<16f", *([1.0] + [0.0] * 4) * 3, 1.0)

    def header(state=state, **changes):
        names = ("rotation", "previous", "best")
        arrays = {name: {"dtype": "F32", "shape": [4, 4], "data_offsets": [64 * i, 64 * i + 64]} for i, name in enumerate(names)}
        arrays["checksum"] = {"dtype": "U8", "shape": [16], "data_offsets": [192, 208]}
        for name, change in changes.items():
            arrays[name] = {**arrays.get(name, {}), **change}
        return {"__metadata__": {"version": "0.1.0", "state": state if isinstance(state, str) else json.dumps(state)}, **arrays}

    def with_best(**fields):
        return checkpoint(header(**{"best": fields}), identity * 3)

    def with_state(**fields):
        return checkpoint(header({**state, **fields}), identity * 3)

    sound = checkpoint(header(), identity * 3)
    yield "sound", sound
    yield "zero-rotation", checkpoint(header(), identity * 2 + bytes(64))
    yield "best-round-2147483647", with_state(best_round=2147483647)
    yield "best-round-negative", with_state(best_round=-1)
    yield "best-round-1e300", with_state(best_round=1e300)
    yield "stalled-2-to-the-63", with_state(stalled=2**63)
    yield "no-rounds", with_state(rounds=[])
    yield "rounds-no-array", with_state(rounds={"a": 1})
    yield "round-without-fields", with_state(rounds=[{}])
    yield "state-missing", checkpoint({**header(), "__metadata__": {}}, identity * 3)
    yield "state-no-json", checkpoint(header("{"), identity * 3)
    yield "state-nested-500-times", checkpoint(header('{"rounds":' + "[" * 500 + "]" * 500 + "}"), identity * 3)
    yield "shape-product-wraps-to-0", with_best(shape=[2**32, 2**32], data_offsets=[128, 128])
    yield "shape-nbytes-wraps", with_best(shape=[2**62, 1], data_offsets=[128, 128])
    yield "shape-negative", with_best(shape=[-4, 4])
    yield "shape-1-D", with_best(shape=[16])
    yield "shape-empty", with_best(shape=[], data_offsets=[128, 132])
    yield "shape-nested-500-times", checkpoint(
        None, identity * 3, text='{"best":{"dtype":"F32","shape":' + "[" * 500 + "]" * 500 + "}}")
    yield "dtype-unknown", with_best(dtype="F33")
    yield "dtype-a-number", with_best(dtype=7)
    yield "dtype-another-size", with_best(dtype="F64")
    yield "offsets-beyond-file", with_best(data_offsets=[128, 2**63])
    yield "offsets-reversed", with_best(data_offsets=[192, 128])
    yield "offsets-overlap", with_best(data_offsets=[64, 128])
    yield "offsets-with-a-hole", with_best(data_offsets=[132, 196])
    yield "offsets-three", with_best(data_offsets=[128, 192, 192])
    yield "offsets-texts", with_best(data_offsets=["128", "192"])
    yield "key-twice", checkpoint(None, identity * 3, text=json.dumps(header())[:-1] + ', "best": {}}')
    yield "key-with-zero-byte", checkpoint(header(**{"a\0b": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}), identity * 3)
    yield "key-no-utf-8", checkpoint(None, identity * 3, text='{"\xff": {}}')
    yield "header-length-wraps", checkpoint(header(), identity * 3, length=2**64 - 8)
    yield "header-length-beyond-file", checkpoint(header(), identity * 3, length=100_000_000)
    yield "header-no-object", checkpoint([1, 2], identity * 3)
    yield "metadata-no-texts", checkpoint({**header(), "__metadata__": {"state": 1}}, identity * 3)
    yield "no-checksum", checkpoint({"__metadata__": {}}, b"", checksum=b"")
    yield "checksum-wrong", checkpoint(header(), identity * 3, checksum=bytes(16))
    yield "bytes-after-the-arrays", sound + b"x"
    yield "truncated", sound[:-1]
    yield "another-file", npy()
    yield "empty", b""


def tensors(header=None, numbers=bytes(12), text=None, length=None):
    """A safetensors file; what is not given is sound: 'a' of 8 bytes and 'b' of 4."""
    text = (json.dumps(header) if text is None else text).encode("latin-1")
    return struct.pack("<Q", len(text) if length is None else length) + text + numbers


def safetensors_seeds():
    def tensor(dtype="F16", shape=(2,), offsets=(8, 12)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    def header(**changes):
        return {"__metadata__": {"format": "pt"}, "a": tensor("F32", offsets=(0, 8)), "b": {**tensor(), **changes}}

    def with_b(**changes):
        return tensors(header(**changes))

    def index(weight_map, **more):
        return json.dumps({"metadata": {"total_size": 12}, "weight_map": weight_map, **more}).encode()

    kinds = ("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "I64", "U64",
             "F64", "C64")
    sizes = (1,) * 6 + (2,) * 4 + (4,) * 3 + (8,) * 4
    places = [sum(sizes[:i]) * 3 for i in range(len(sizes) + 1)]
    sound = json.dumps(header())
    yield "sound", tensors(header())
    yield "sound-padded", tensors(text=sound + " " * 7)
    yield "sound-nothing", tensors({}, b"")
    yield "sound-empty-tensors", with_b(shape=[0, 7], data_offsets=[8, 8])[:-4]
    yield "sound-every-type", tensors({kind: tensor(kind, (3, 1), places[i:i + 2]) for i, kind in enumerate(kinds)},
                                      random.Random(1).randbytes(places[-1]))
    yield "sound-small-floats", tensors({"a": tensor("F4", (3, 2), (0, 3)), "b": tensor("F6_E2M3", (4,), (3, 6))}, bytes(6))
    yield "large-numbers", tensors({"a": tensor("F64", (4,), (0, 32))}, struct.pack("<4d", 1e300, -7e4, 5e-324, float("inf")))
    yield "header-length-0", tensors(header(), length=0)
    yield "header-length-wraps", tensors(header(), length=2**64 - 8)
    yield "header-length-beyond-file", tensors(header(), length=1000)
    yield "header-length-above-the-limit", tensors(header(), length=100_000_001)
    yield "header-no-object", tensors([1, 2])
    yield "header-followed-by-zeros", tensors(text=sound + "\0" * 8)
    yield "header-with-a-byte-order-mark", tensors(text="\xef\xbb\xbf" + sound)
    yield "header-twice", tensors(text=sound + sound)
    yield "name-twice", tensors(text=sound[:-1] + ', "b": {}}')
    yield "name-no-utf-8", tensors(text='{"\xff": {}}')
    yield "name-half-a-pair", tensors(text='{"\\ud800": {}}')
    yield "name-with-zero-byte", tensors({"a\0b": tensor(offsets=(0, 4))}, bytes(4))
    yield "name-empty", tensors({"": tensor(offsets=(0, 4))}, bytes(4))
    yield "name-long", tensors({"n" * 3000: tensor(offsets=(0, 5))}, bytes(4))
    yield "field-twice", tensors(text=sound.replace('"dtype": "F16"', '"dtype": "F16", "dtype": "F16"'))
    yield "field-missing", tensors({"a": {"dtype": "F32", "shape": [0]}}, b"")
    yield "field-unknown", with_b(stride=[1])
    yield "metadata-no-texts", tensors({**header(), "__metadata__": {"a": 1}})
    yield "metadata-nested", tensors({**header(), "__metadata__": {"a": {"b": "c"}}})
    yield "dtype-unknown", with_b(dtype="F33")
    yield "dtype-a-number", with_b(dtype=7)
    yield "dtype-another-size", with_b(dtype="F64")
    yield "shape-negative", with_b(shape=[-2])
    yield "shape-fractional", with_b(shape=[2.0])
    yield "shape-2-to-the-64", with_b(shape=[2**64])
    yield "shape-product-wraps-to-0", with_b(shape=[2**32, 2**32], data_offsets=[8, 8])
    yield "shape-product-wraps-beside-0", with_b(shape=[2**63, 2, 0], data_offsets=[8, 8])
    yield "shape-nbytes-wraps", with_b(shape=[2**63], data_offsets=[8, 8])
    yield "shape-half-a-byte", with_b(dtype="F4", shape=[3], data_offsets=[8, 9])
    yield "shape-nested-5000-times", tensors(text='{"a":{"dtype":"F32","shape":' + "[" * 5000 + "]" * 5000 + "}}")
    yield "offsets-reversed", with_b(data_offsets=[12, 8])
    yield "offsets-overlap", with_b(data_offsets=[4, 8])
    yield "offsets-with-a-hole", tensors(header(data_offsets=[9, 13]), bytes(13))
    yield "offsets-beyond-file", with_b(shape=[2**40], data_offsets=[8, 8 + 2**41])
    yield "offsets-wrap", with_b(dtype="U8", shape=[4], data_offsets=[2**64 - 5, 2**64 - 1])
    yield "offsets-three", with_b(data_offsets=[8, 12, 12])
    yield "offsets-texts", with_b(data_offsets=["8", "12"])
    yield "bytes-after-the-tensors", tensors(header(), bytes(13))
    yield "truncated", tensors(header())[:-1]
    yield "truncated-length", tensors(header())[:7]
    yield "empty", b""
    yield "index-sound", index({"a": "1.safetensors", "b": "2.safetensors"})
    yield "index-key-twice", b'{"weight_map": {"a": "1", "a": "2"}}'
    yield "index-outside", index({"a": "../1.safetensors"})
    yield "index-absolute", index({"a": "/1.safetensors"})
    yield "index-a-number", index({"a": 1})
    yield "index-empty", index({})
    yield "index-nested-5000-times", b'{"weight_map":' + b"[" * 5000 + b"]" * 5000 + b"}"
    yield "index-name-with-zero-byte", index({"a": "1\0"})


def command_line_seeds():
    output = ["--output", "R.npy"]
    lines = {
        "empty": [],
        "output": output,
        "help": ["--help"],
        "version": ["--version"],
        "everything": ["-i", "a.npy", "-i", "b.npy", "-o", "R.npy", "--seed", "7", "--threads", "2", "--clip", "0.9", "--alpha",
                       "50", "--massive", "0.25", "--holdout", "0.1", "--momentum", "0.5", "--rounds", "10", "--checkpoint", "c", "--resume"],
        "short": output + ["--method", "short", "--prototypes", "3", "--short-output", "s"],
        "seed-2-to-the-64": output + ["--seed", "18446744073709551616"],
        "seed-largest": output + ["--seed", "18446744073709551615"],
        "seed-negative": output + ["--seed", "-1"],
        "seed-octal": output + ["--seed", "010"],
        "rounds-beyond-int": output + ["--rounds", "4294967297"],
        "rounds-with-a-fraction": output + ["--rounds", "1.5"],
        "threads-0": output + ["--threads", "0"],
        "clip-nan": output + ["--clip", "nan"],
        "clip-infinite": output + ["--clip", "inf"],
        "clip-hexadecimal": output + ["--clip", "0x1p-1"],
        "clip-comma": output + ["--clip", "0,5"],
        "clip-followed-by-text": output + ["--clip", "0.5x"],
        "alpha-1e400": output + ["--alpha", "1e400"],
        "massive-empty": output + ["--massive", ""],
        "bits-twice": output + ["--bits", "4", "--bits", "8"],
        "input-is-output": ["-i", "R.npy", "-o", "R.npy"],
        "name-no-utf-8": ["-o", "\xff\xfe.npy", "--rotation", "\xff"],
        "unknown-option": output + ["--unknown"],
        "value-missing": ["--output"],
    }
    for name, arguments in lines.items():
        yield name, "\n".join(arguments).encode("latin-1")


def agree_seeds(kinds, count):
    """Drawn bytes: whatever they are, they stand for a problem. The first one chooses the element type."""
    def seeds():
        for number in range(count):
            draw = random.Random(number)
            kind = number % len(kinds)
            yield f"{kinds[kind]}-{number // len(kinds)}", bytes([kind]) + draw.randbytes(40 + 37 * number % 400)
    return seeds


TYPES = ("float", "double", "half", "bfloat16")
SEEDS = {"npy": npy_seeds, "gguf": gguf_seeds, "short_rotation": short_rotation_seeds, "checkpoint": checkpoint_seeds,
         "safetensors": safetensors_seeds, "command_line": command_line_seeds, "agree_quantize": agree_seeds(TYPES, 24),
         "agree_rotation": agree_seeds(TYPES, 24), "agree_gemm": agree_seeds(("product",), 16)}


def main(folder):
    for target, seeds in SEEDS.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for name, data in seeds():
            (place / name).write_bytes(data)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus")

#!/usr/bin/env python3
"""GGUF files against the Python package `gguf`: every block type decodes to the same floats, what is written has the same bytes.

    gguf_package_test.py PROGRAM      exit status 77: numpy or the package is not installed

With DFROT_MODEL=model.gguf, all of that model's tensors are compared, too.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
    from gguf import GGMLQuantizationType as Type

    BLOCKS = [getattr(Type, name) for name in "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4_K Q5_K Q6_K MXFP4".split()]
except (ImportError, AttributeError):
    print("skipped: GGUF files of the Python package gguf: it, numpy or its MXFP4 is missing (pip install gguf)")
    sys.exit(77)

HALVES = {Type.Q5_0: [0], Type.Q4_0: [0], Type.Q8_0: [0], Type.Q6_K: [208], Type.MXFP4: []}  # others: two, at the front
failures = []


def check(what, wrong, count):
    print(f"{what}: {count} compared, {wrong} differ")
    if wrong or not count:
        failures.append(what)


def values_of(program, path):
    values = path.with_suffix(".bin")
    subprocess.run([program, "read", path, values], check=True)
    return values


def compare(what, found, expected):
    nan = np.isnan(expected)
    check(what, int((found.view("u4") != expected.view("u4"))[~nan].sum() + (np.isnan(found) != nan).sum()), expected.size)


def check_reading(program, folder):
    """Random blocks in which every half, infinities, NaNs and subnormal ones included, is a scale."""
    draw = np.random.default_rng(5)
    path = folder / "theirs.gguf"
    writer = gguf.GGUFWriter(path, "test")
    expected = []
    for kind in BLOCKS:
        size = gguf.GGML_QUANT_SIZES[kind][1]
        blocks = draw.integers(0, 256, (65536, size), dtype=np.uint8)
        for place in HALVES.get(kind, [0, 2]):
            blocks[:, place:place + 2] = draw.permutation(65536).astype("<u2").view(np.uint8).reshape(-1, 2)
        writer.add_tensor(kind.name, blocks.reshape(-1, size * 4), raw_dtype=kind)
        with np.errstate(all="ignore"):
            expected.append((kind.name, gguf.quants.dequantize(blocks.reshape(-1, size * 4), kind).reshape(-1)))
    bits = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    writer.add_tensor("F16", bits.view(np.float16))
    writer.add_tensor("BF16", bits.view(np.uint8).reshape(256, 512), raw_dtype=Type.BF16)
    expected.append(("F16", bits.view(np.float16).astype(np.float32).reshape(-1)))
    expected.append(("BF16", (bits.astype(np.uint32) << 16).view(np.float32).reshape(-1)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = np.fromfile(values_of(program, path), "<f4")
    for name, values in expected:
        compare(name, found[:values.size], values)
        found = found[values.size:]
    check("values that are left", found.size, 1)


def check_writing(program, folder):
    draw = np.random.default_rng(6)
    x = (draw.standard_normal((4096, 256)) * np.exp(draw.uniform(-12, 8, (4096, 1)))).astype("<f4")
    x[5] = 0
    x[6] *= np.float32(1e-7) / np.abs(x[6]).max()  # scales that are subnormal halves
    x[7, :32] = -3
    x[8, ::2] = -x[8, 1::2]
    x[9:40] = np.round(x[9:40] / np.abs(x[9:40]).max() * 16) / 2 + np.float32(0)  # ties; without -0, of which packages differ
    x.tofile(folder / "x.bin")
    path = folder / "ours.gguf"
    subprocess.run([program, "write", folder / "x.bin", path], check=True)
    reader = gguf.GGUFReader(path)
    keys = {name[2:]: field.contents() for name, field in reader.fields.items() if name.startswith("k.")}
    expected = {"uint8": 200, "int8": -100, "uint16": 60000, "int16": -30000, "uint32": 4000000000, "int32": -2000000000,
                "uint64": 2**63, "int64": -9 * 10**18, "float32": 1.5, "float64": 0.1, "bool": True, "texts": ["a", "", "\u00e4"],
                "numbers": [1, -2, 3], "bools": [True, False]}
    check("keys", sum(keys.get(name) != value for name, value in expected.items()) + len(keys) - len(expected), len(expected))
    for tensor in reader.tensors:
        kind = tensor.tensor_type
        check(f"shape of {tensor.name}", int(tensor.name != kind.name or tensor.shape.tolist() != [256, 256, 16]), 1)
        found = np.asarray(tensor.data).reshape(4096, -1).view(np.uint8)
        if kind != Type.MXFP4:
            theirs = np.ascontiguousarray(gguf.quants.quantize(x, kind)).view(np.uint8).reshape(4096, -1)
            check(f"bytes of {kind.name}", int((found != theirs).sum()), found.size)
        else:  # ties go to the even code here; scales are the same, and each value is as near
            theirs = gguf.quants.quantize(x, kind)
            check("scales of MXFP4", int((found.reshape(-1, 17)[:, 0] != theirs.reshape(-1, 17)[:, 0]).sum()), found.size // 17)
            ours, other = (np.abs(gguf.quants.dequantize(data, kind) - x) for data in (found, theirs))
            check("errors of MXFP4", int((ours != other).sum()), x.size)


def check_model(program, folder, model):
    values = folder / "model.bin"
    subprocess.run([program, "read", model, values], check=True)
    with open(values, "rb") as found:
        for tensor in gguf.GGUFReader(model).tensors:
            expected = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(-1)
            compare(tensor.name, np.frombuffer(found.read(4 * expected.size), "<f4"), expected)


def main(program):
    with tempfile.TemporaryDirectory() as name:
        check_reading(program, pathlib.Path(name))
        check_writing(program, pathlib.Path(name))
        if os.environ.get("DFROT_MODEL", "").endswith(".gguf"):
            check_model(program, pathlib.Path(name), os.environ["DFROT_MODEL"])
        else:
            print("skipped: the tensors of a model: DFROT_MODEL names no .gguf file")
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

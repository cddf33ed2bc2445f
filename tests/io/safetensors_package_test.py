#!/usr/bin/env python3
"""Files of the Python package `safetensors` are read by this library, and its own by that package, with every bit.

    safetensors_package_test.py PROGRAM      PROGRAM copies a model; exit status 77: the package is not installed
"""

import ctypes
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import safetensors
    from safetensors import deserialize, safe_open, serialize_file
except ImportError:
    print("skipped: files of the Python package safetensors: it is not installed (pip install safetensors)")
    sys.exit(77)

# Names of the package for types, and the bytes of a number.
TYPES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "float8_e4m3fn": 1, "float8_e5m2": 1, "int8": 1, "uint8": 1,
         "int16": 2, "int32": 4, "int64": 8, "uint16": 2, "uint32": 4, "uint64": 8, "bool": 1}
SHAPES = ((7, 5), (3,), (), (2, 3, 4), (0, 4))


def write_theirs(tensors, path, metadata):
    """Writes name -> type, shape, bytes with the package, whose newer versions take addresses of bytes."""
    buffers = {name: ctypes.create_string_buffer(data) for name, (_, _, data) in tensors.items()}
    if hasattr(safetensors, "TensorSpec"):
        given = {name: safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buffers[name]), data_len=len(data))
                 for name, (dtype, shape, data) in tensors.items()}
    else:
        given = {name: {"dtype": dtype, "shape": shape, "data": data} for name, (dtype, shape, data) in tensors.items()}
    serialize_file(given, path, metadata)


def copy(*arguments):
    subprocess.run([sys.argv[1], *map(str, arguments)], check=True)


def tensors_of(path):
    """What the package reads: name -> type, shape, bytes."""
    return {name: (each["dtype"], list(each["shape"]), bytes(each["data"])) for name, each in deserialize(path.read_bytes())}


def main():
    draw = random.Random(1)
    tensors = {}
    for dtype, size in TYPES.items():
        for shape in SHAPES:
            count = size
            for length in shape:
                count *= length
            data = bytes(draw.randrange(2) for _ in range(count)) if dtype == "bool" else draw.randbytes(count)
            tensors[f"{dtype}.{'x'.join(map(str, shape))} \u00e9\n"] = (dtype, list(shape), data)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_theirs(tensors, folder / "theirs.safetensors", {"format": "pt", "note": "\u00fc\""})
        theirs = tensors_of(folder / "theirs.safetensors")
        assert len(theirs) == 75, len(theirs)
        assert {name: each[1:] for name, each in theirs.items()} == {name: each[1:] for name, each in tensors.items()}

        copy(folder / "theirs.safetensors", folder / "ours.safetensors")
        assert tensors_of(folder / "ours.safetensors") == theirs
        with safe_open(folder / "ours.safetensors", "numpy") as opened:
            assert opened.metadata() == {"format": "pt", "note": "\u00fc\""}, opened.metadata()

        (folder / "parts").mkdir()
        copy(folder / "ours.safetensors", folder / "parts" / "model.safetensors", 1000)
        index = json.loads((folder / "parts" / "model.safetensors.index.json").read_text(encoding="utf-8"))
        parts = {file: tensors_of(folder / "parts" / file) for file in set(index["weight_map"].values())}
        assert len(parts) > 3, parts.keys()
        assert {name: parts[file][name] for name, file in index["weight_map"].items()} == theirs
        assert sum(map(len, parts.values())) == len(theirs)
        assert index["metadata"]["total_size"] == sum(len(data) for _, _, data in tensors.values())

        copy(folder / "parts", folder / "again.safetensors")
        assert tensors_of(folder / "again.safetensors") == theirs
    print(f"{len(theirs)} tensors, {len(parts)} files of an index: equal to the bit")


if __name__ == "__main__":
    main()

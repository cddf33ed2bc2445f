#!/usr/bin/env python3
"""Times PyTorch on the rows that cuda_benchmark rotates, and adds it to the figures.

    pytorch_peers.py <file written by cuda_benchmark --json>

For every Hadamard problem of a power of two: the product with the dense Hadamard matrix, in full precision, and
fast_hadamard_transform where it is installed. Prints a line for each, and replaces the file as a whole by one with them.
Exits with 77 where there is no torch or no device.
"""

import json
import os
import pathlib
import re
import sys

ROWS = 8192
TURNS = 15


def seconds_of(torch, call):
    """The shortest and the median of some turns of about 10 ms each, after one that warms up, by the device's clock."""
    times = []
    calls = 1
    for turn in range(TURNS + 2):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(calls):
            call()
        last.record()
        last.synchronize()
        taken = first.elapsed_time(last) / 1e3 / calls
        if turn == 1:
            calls = max(1, min(100, int(0.01 / taken)))
        elif turn > 1:
            times.append(taken)
    times.sort()
    return times[0], times[len(times) // 2]


def hadamard_matrix(torch, n, dtype):
    matrix = torch.ones((1, 1), dtype=dtype, device="cuda")
    while matrix.shape[0] < n:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)], 0)
    return matrix / n**0.5


def contenders(torch, n, dtype):
    """Pairs of a name and a call that rotates rows; the rows of a call come from memory, not from a cache."""
    size = ROWS * n * torch.finfo(dtype).bits // 8
    blocks = [torch.randn(ROWS, n, device="cuda").to(dtype) for _ in range(min(16, max(2, (512 << 20) // size)))]
    state = {"next": 0}

    def rows():
        state["next"] = (state["next"] + 1) % len(blocks)
        return blocks[state["next"]]

    matrix = hadamard_matrix(torch, n, dtype)
    out = torch.empty_like(blocks[0])
    yield "PyTorch, product with H", lambda: torch.matmul(rows(), matrix, out=out)
    try:
        from fast_hadamard_transform import hadamard_transform
    except ImportError:
        return
    yield "fast_hadamard_transform", lambda: hadamard_transform(rows(), n**-0.5)


def add_peers(torch, problem, n, dtype):
    work = 2 * ROWS * n * torch.finfo(dtype).bits // 8
    ours = next(one for one in problem["contenders"] if one["role"] == "ours")
    limit = next(one for one in problem["contenders"] if one["role"] == "limit")
    for name, call in contenders(torch, n, dtype):
        try:
            best, median = seconds_of(torch, call)
        except RuntimeError as error:
            print(f"Left out: {name} for {problem['name']} ({str(error).splitlines()[0]})")
            continue
        figure = 1e-9 * work / best
        problem["contenders"].append({
            "name": name, "role": "peer", "figure": figure, "median": 1e-9 * work / median, "seconds_per_call": best,
            "turns": TURNS, "of_limit": figure / limit["figure"]})
        ours.setdefault("times_the_speed_of", {})[name] = ours["figure"] / figure
        print(f"{problem['name']}: {name} {figure:.1f} GB/s; dfrot has {ours['figure'] / figure:.2f} times its speed")


def main(file):
    try:
        import torch
    except ImportError:
        print("Left out: PyTorch (python3 has no torch)")
        return 77
    if not torch.cuda.is_available():
        print("Left out: PyTorch (torch finds no CUDA device)")
        return 77
    figures = json.loads(file.read_text(encoding="utf-8"))
    torch.set_float32_matmul_precision("highest")
    types = {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16}
    for problem in figures["problems"]:
        found = re.fullmatch(r"Hadamard, (\w+), n = (\d+)", problem["name"])
        if found and int(found[2]) & (int(found[2]) - 1) == 0:
            add_peers(torch, problem, int(found[2]), types[found[1]])
    figures["machine"]["pytorch"] = torch.__version__
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    os.replace(part, file)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))

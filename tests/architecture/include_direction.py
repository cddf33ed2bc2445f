#!/usr/bin/env python3
"""Reads the #include lines under include/dfrot and fails on an arrow that the design does not draw.

    include_direction.py <include folder>      exit status 0: sound, 1: problems, one line each

The tables below are the design of docs/architecture.md: a room lists the rooms that it may include besides itself.
Arrows point to lower floors only, so a front door (transform, quantize, loss) never sees a backend, and a backend never
sees another one. Only the standard library is used.
"""

import pathlib
import re
import sys

FRONT_DOORS = {"transform", "quantize", "loss", "attention"}
KERNELS = {"core", "format", "transform/construction"} | FRONT_DOORS

# room -> rooms that it may include; floor by floor, from the ground up. "." holds config.hpp and version.hpp.
ALLOWED = {
    ".": set(),
    "core": {"."},
    "format": {".", "core"},
    "adapt": {".", "core"},
    # Files of arrays, of models, and of rotations. (Rows of codes go into files of models as they are.)
    "io": {".", "core", "format", "transform", "quantize"},
    "transform/construction": {".", "core"},
    "transform": {".", "core", "format", "transform/construction"},
    # (Rows may go through a transform on their way to codes.)
    "quantize": {".", "core", "format", "transform"},
    # The errors of what quantize does.
    "loss": {".", "core", "quantize", "transform"},
    # What stands around the products of an attention, on the host.
    "attention": {".", "core", "format", "quantize", "transform"},
    # Backends implement the front doors: they read the data types that those declare (schemes, orders, errors). Registers
    # lie below what is made of them: transforms, codes and products, which know nothing of one another.
    "backend/reference": {"."} | KERNELS,
    "backend/cpu/isa": {".", "core", "format"},
    "backend/cpu/walsh": {".", "core", "transform", "transform/construction", "backend/cpu/isa"},
    "backend/cpu/codes": {".", "core", "format", "quantize", "backend/cpu/isa"},
    "backend/cpu/gemm": {".", "core", "format", "quantize", "backend/cpu/isa"},
    "backend/cpu": {".", "backend/cpu/isa", "backend/cpu/walsh", "backend/cpu/codes", "backend/cpu/gemm"} | KERNELS,
    "backend/cuda/device": {".", "core"},
    "backend/cuda/walsh": {".", "core", "transform", "transform/construction", "backend/cuda/device"},
    # (A row's threads are counted as for a transform of it, which may come first.)
    "backend/cuda/codes": {".", "core", "format", "quantize", "backend/cuda/device", "backend/cuda/walsh"},
    "backend/cuda/gemm": {".", "core", "format", "quantize", "backend/cuda/device", "backend/cuda/codes"},
    "backend/cuda": {".", "backend/cuda/device", "backend/cuda/walsh", "backend/cuda/codes", "backend/cuda/gemm"} | KERNELS,
    "linalg/detail": {".", "core", "adapt", "linalg"},
    "linalg": {".", "core", "adapt", "linalg/detail"},
    "optimize/refine": {".", "adapt", "linalg", "linalg/detail", "backend/reference", "backend/cpu"} | KERNELS,
    "optimize/low_rank": {".", "adapt", "linalg", "backend/reference", "backend/cpu"} | KERNELS,
    "optimize/gptq": {".", "adapt", "linalg", "linalg/detail"} | KERNELS,
    "optimize/transforms": {".", "linalg"} | KERNELS,
    # (Searches quantize weights, as GPTQ does.)
    "optimize/search": {".", "adapt", "linalg", "linalg/detail", "optimize/gptq"} | KERNELS,
    # Twins on a device: what they share with the host are rules without matrices.
    "linalg/cuda": {".", "core", "linalg", "linalg/detail", "backend/cuda", "backend/cuda/device"},
    "optimize/refine/cuda": {".", "linalg", "linalg/cuda", "optimize/refine", "backend/cuda", "backend/cuda/device",
                             "backend/cuda/codes"} | KERNELS,
}

# Headers beside config.hpp that only collect others.
UMBRELLAS = {
    "reference.hpp": ALLOWED["backend/reference"] | {"backend/reference"},
    "cpu.hpp": ALLOWED["backend/cpu"] | {"backend/cpu"},
    "cuda.cuh": ALLOWED["backend/cuda"] | {"backend/cuda"},
    "cuda_refinement.cuh": {room for room in ALLOWED if not room.startswith(("backend/cpu", "backend/reference"))} | {"umbrella"},
    "dfrot.hpp": {room for room in ALLOWED if "cuda" not in room} | {"umbrella"},
}

# What brings every header, directly or through others: one for each compiler.
EVERYTHING = {".hpp": "dfrot.hpp", ".cuh": "cuda_refinement.cuh"}

# Headers that a program includes by itself, if at all, with all that only they bring: the first declares the functions of a BLAS,
# which clashes with other declarations of them; one needs xsimd; the others need nlohmann_json.
ON_REQUEST = {"linalg/blas.hpp", "backend/cpu/isa/xsimd.hpp", "io/safetensors.hpp", "io/safetensors_writer.hpp", "io/strict_json.hpp"}

# What is not the standard library, and the only rooms that may include it.
DEPENDENCIES = {
    "Eigen/": {"adapt", "linalg", "linalg/detail"},
    "unsupported/Eigen/": set(),
    "xsimd/": {"backend/cpu/isa"},
    "nlohmann/": {"io"},
    "immintrin.h": {"backend/cpu/isa"},
    "arm_neon.h": {"backend/cpu/isa"},
    "omp.h": {"core", "linalg", "linalg/detail"},
    "cuda": {"backend/cuda/device", "backend/cuda/codes", "backend/cuda/gemm"},
    "cublas": {"linalg/cuda"},
    "cusolver": {"linalg/cuda"},
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(header):
    """The room of a header, given by its path below dfrot/; "umbrella" for those that collect others."""
    if header in UMBRELLAS:
        return "umbrella"
    return str(pathlib.PurePosixPath(header).parent)


def check_arrow(header, target, headers):
    """Problems with one #include <dfrot/target>."""
    if target not in headers:
        return [f"{header} includes <dfrot/{target}>, which does not exist"]
    room, target_room = room_of(header), room_of(target)
    allowed = UMBRELLAS[header] if room == "umbrella" else ALLOWED.get(room, set())
    if target_room != room and target_room not in allowed:
        return [f"{header} includes <dfrot/{target}>: {room} must not include {target_room}"]
    return []


def check_dependency(header, target):
    """Problems with one include of something that is not ours."""
    for prefix, rooms in DEPENDENCIES.items():
        if target.startswith(prefix) and room_of(header) not in rooms:
            where = ", ".join(sorted(rooms)) or "no room"
            return [f"{header} includes <{target}>, which is for {where} only"]
    if "/" in target and not target.startswith(("sys/", *DEPENDENCIES)):
        return [f"{header} includes <{target}>, an unknown dependency"]
    return []


def find_cycle(arrows):
    """The headers of one cycle in the order of inclusion, or an empty list."""
    done = set()

    def visit(header, path):
        if header in path:
            return path[path.index(header):] + [header]
        if header in done:
            return []
        for target in arrows.get(header, ()):
            cycle = visit(target, path + [header])
            if cycle:
                return cycle
        done.add(header)
        return []

    for header in arrows:
        cycle = visit(header, [])
        if cycle:
            return cycle
    return []


def unreached(arrows):
    """Headers that the umbrella of their kind does not bring, as pairs of the two."""
    on_request = set().union(*(reached_from(header, arrows) for header in ON_REQUEST))
    return [(header, umbrella) for kind, umbrella in EVERYTHING.items()
            for header in sorted(set(arrows) - reached_from(umbrella, arrows) - on_request) if header.endswith(kind)]


def reached_from(umbrella, arrows):
    """All headers that one brings, directly or through others."""
    reached, waiting = set(), [umbrella]
    while waiting:
        header = waiting.pop()
        if header not in reached:
            reached.add(header)
            waiting += arrows.get(header, ())
    return reached


def problems_in(include_folder):
    """All problems of the headers under include_folder/dfrot, one line each."""
    root = pathlib.Path(include_folder) / "dfrot"
    headers = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.[hc][pu][ph]"))
    if not headers:
        return [f"no headers under {root}"]
    known = set(headers)
    problems, arrows = [], {}
    for header in headers:
        room = room_of(header)
        if room != "umbrella" and room not in ALLOWED:
            problems.append(f"{header} stands in {room}, a room that the table does not know")
        arrows[header] = []
        for bracket, target in INCLUDE.findall((root / header).read_text(encoding="utf-8")):
            if bracket == '"':
                problems.append(f'{header} includes "{target}": write <dfrot/...>')
            elif target.startswith("dfrot/"):
                own = target[len("dfrot/"):]
                problems += check_arrow(header, own, known)
                arrows[header].append(own)
            else:
                problems += check_dependency(header, target)
    cycle = find_cycle(arrows)
    if cycle:
        problems.append("cycle: " + " -> ".join(cycle))
    problems += [f"{header} is not reached from <dfrot/{umbrella}>" for header, umbrella in unreached(arrows)]
    problems += [f"{header}, which a program includes by itself, is reached from <dfrot/{umbrella}>"
                 for umbrella in EVERYTHING.values() for header in sorted(ON_REQUEST & reached_from(umbrella, arrows))]
    return problems


def main(arguments):
    if len(arguments) != 1:
        print("usage: include_direction.py <include folder>", file=sys.stderr)
        return 2
    problems = problems_in(arguments[0])
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "every include points down")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

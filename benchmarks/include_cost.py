#!/usr/bin/env python3
"""Measures what including each header costs: the time of compiling a file with that one line, less that of an empty file.

    include_cost.py [--compiler g++] [--runs 5] [--include FOLDER ...] [--json FILE] [header ...]

The compiler only reads (-fsyntax-only -O2 -std=c++20), with -march=native unless --portable is given. Processor time counts, so
that other programs disturb little, and of several runs the median. Headers are names such as dfrot/cpu.hpp; without any, all below include/ are measured.
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description="Measures the compile time of including each header.")
    parser.add_argument("headers", nargs="*", help="names such as dfrot/cpu.hpp; all of them by default")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--runs", type=int, default=5, help="compilations a header; their median counts")
    parser.add_argument("--include", action="append", default=[], help="a further include folder, such as Eigen's")
    parser.add_argument("--portable", action="store_true", help="without -march=native")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


def children_seconds():
    """Processor time of all programs that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds(command, text, runs):
    """The median processor time of compiling a text, or None and a message on standard error."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
        source.write(text)
        source.flush()
        times = []
        for _ in range(runs):
            start = children_seconds()
            result = subprocess.run([*command, source.name], capture_output=True, text=True, check=False)
            times.append(children_seconds() - start)
            if result.returncode != 0:
                print("\n".join(result.stderr.splitlines()[:3]), file=sys.stderr)
                return None
    return statistics.median(times)


def main():
    options = arguments()
    folders = [PROJECT / "include", *options.include]
    if not options.include and pathlib.Path("/usr/include/eigen3").is_dir():
        folders.append("/usr/include/eigen3")
    flags = ["-std=c++20", "-O2", "-fsyntax-only", *([] if options.portable else ["-march=native"])]
    command = [options.compiler, *flags, *(f"-isystem{folder}" for folder in folders)]
    headers = options.headers or sorted(
        path.relative_to(PROJECT / "include").as_posix() for path in (PROJECT / "include").rglob("*.hpp"))

    empty = seconds(command, "", options.runs)
    if empty is None:
        return 1
    cost = {header: seconds(command, f"#include <{header}>\n", options.runs) for header in headers}
    width = max(map(len, headers))
    print(f"{'header':<{width}}  seconds")
    for header, measured in cost.items():
        print(f"{header:<{width}}  " + ("failed" if measured is None else f"{measured - empty:7.2f}"))
    if options.json:
        figures = {header: measured and round(measured - empty, 3) for header, measured in cost.items()}
        record = {"compiler": options.compiler, "flags": flags, "runs": options.runs, "empty_seconds": round(empty, 3),
                  "include_seconds": figures}
        pathlib.Path(options.json).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 1 if None in cost.values() else 0


if __name__ == "__main__":
    sys.exit(main())

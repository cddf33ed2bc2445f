#!/usr/bin/env python3
"""Measures what including each header costs: the time of compiling a file with that one line, less that of an empty file.

    include_cost.py [--compiler g++] [--runs 3] [--jobs N] [--include FOLDER ...] [--json FILE] [header ...]

The compiler only reads (-fsyntax-only -O2 -std=c++20), with -march=native unless --portable is given. Processor time counts, so
that other programs and headers measured at the same time disturb little, and of several runs the median. Headers are names such as dfrot/cpu.hpp; without any, all below include/ are measured.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description="Measures the compile time of including each header.")
    parser.add_argument("headers", nargs="*", help="names such as dfrot/cpu.hpp; all of them by default")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--runs", type=int, default=3, help="compilations a header; their median counts")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilations at a time; all processors by default")
    parser.add_argument("--include", action="append", default=[], help="a further include folder, such as Eigen's")
    parser.add_argument("--portable", action="store_true", help="without -march=native")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


def compile_once(command):
    """The exit code, the messages, and the processor time of a compilation."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        messages = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, messages, usage.ru_utime + usage.ru_stime


def seconds(command, text, runs):
    """The median processor time of compiling a text, or None and a message on standard error."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
        source.write(text)
        source.flush()
        times = []
        for _ in range(runs):
            exit_code, messages, time = compile_once([*command, source.name])
            if exit_code != 0:
                print("\n".join(messages.splitlines()[:3]), file=sys.stderr)
                return None
            times.append(time)
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
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        cost = dict(zip(headers, pool.map(
            lambda header: seconds(command, f"#include <{header}>\n", options.runs), headers)))
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

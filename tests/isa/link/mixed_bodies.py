#!/usr/bin/env python3
"""Lists functions of an object file that a linker may hand to code that was compiled for an older processor.

    mixed_bodies.py <object compiled with -m flags> [...]     exit status 0: none in dfrot, 1: some, 77: not x86-64

A function in a header is in every object that calls it, under one name; the linker keeps one body for all. That is sound
only where the name says what the body was compiled for. So: a weak function whose code uses an instruction that the
baseline (x86-64 without flags) lacks must carry the name of an instruction set, isa_…, in its symbol. Functions of dfrot
that do not are errors. Those of the standard library and of xsimd cannot be named by dfrot: they are counted, and the first
are shown. Code without optimization has thousands of both, optimized code next to none.
"""

import re
import pathlib
import subprocess
import sys
import tempfile

KEY = re.compile(r"isa_\w")
# Instructions in the encodings of AVX (C4, C5) and AVX-512 (62), where no other instruction of 64-bit code begins; and
# the few newer ones in old encodings.
NEW_ENCODING = re.compile(r"^(?:64 |65 |67 )*(?:c4|c5|62) ")
NEW_NAMES = {"popcnt", "lzcnt", "tzcnt", "movbe", "crc32", "adcx", "adox", "rdrand", "rdseed"}

# Constructors that the compiler writes, where optimization is off, cannot be marked.
IMPLICIT = {"_ZN5dfrot11token_errorC1Ev", "_ZN5dfrot11token_errorC2Ev"}

FUNCTION = re.compile(r"^[0-9a-f]+ <(?P<symbol>[^>]+)>:$")
INSTRUCTION = re.compile(r"^ *[0-9a-f]+:\t(?P<code>(?:[0-9a-f]{2} )+) *\t(?P<name>\w+)")


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weak_functions(path):
    """Symbols that other objects may define, too."""
    lines = (line.split() for line in output_of("nm", "--format=posix", "--defined-only", path).splitlines())
    return {fields[0] for fields in lines if fields[1] in "Wu"}


def newer_than_baseline(path):
    """Symbols of functions that use an instruction that the baseline lacks, with the first such instruction."""
    found, symbol = {}, ""
    for line in output_of("objdump", "--disassemble", "--wide", path).splitlines():
        function = FUNCTION.match(line)
        instruction = INSTRUCTION.match(line)
        if function:
            symbol = function["symbol"]
        elif instruction and (NEW_ENCODING.match(instruction["code"]) or instruction["name"] in NEW_NAMES):
            found.setdefault(symbol, instruction["name"])
    return found


def demangled(symbols):
    names = subprocess.run(["c++filt"], input="\n".join(symbols), check=True, capture_output=True, text=True).stdout
    return dict(zip(symbols, names.splitlines()))


def is_of_dfrot(symbol):
    """True for functions in namespace dfrot; dfrot's types as arguments of a std:: function do not count."""
    return re.match(r"_ZN?[VKRO]*(St)?5dfrot|_ZZN?[VKRO]*5dfrot", symbol) is not None


def in_one_section(path, folder):
    """A copy with all code in one section: objdump takes minutes for thousands of sections, a second for one."""
    script, merged = folder / "one_section.ld", folder / "merged.o"
    script.write_text("SECTIONS { .text : { *(.text .text.*) } }", encoding="utf-8")
    output_of("ld", "--relocatable", "--force-group-allocation", "--script", script, "-o", merged, path)
    return merged


def check(path):
    """Prints what was found in one object; returns the number of errors."""
    with tempfile.TemporaryDirectory() as folder:
        newer = newer_than_baseline(in_one_section(path, pathlib.Path(folder)))
    weak = sorted(weak_functions(path) & set(newer))
    keyed = [symbol for symbol in weak if KEY.search(symbol)]
    others = [symbol for symbol in weak if not KEY.search(symbol)]
    errors = [symbol for symbol in others if is_of_dfrot(symbol) and symbol not in IMPLICIT]
    foreign = [symbol for symbol in others if not is_of_dfrot(symbol)]
    name = demangled(others)
    print(f"{path}: {len(weak)} weak functions use newer instructions, {len(keyed)} of them say so in their symbols")
    for symbol in errors:
        print(f"  error: {newer[symbol]} in {name[symbol]}")
    print(f"  {len(foreign)} others are not of dfrot")
    for symbol in foreign[:5]:
        print(f"    {newer[symbol]} in {name[symbol]}")
    if not keyed:
        print("  error: no function at all says so: was this object compiled with -m flags?")
    return len(errors) + (0 if keyed else 1)


def main(paths):
    if not all("x86-64" in output_of("objdump", "--file-headers", path) for path in paths):
        print("skipped: the objects are not x86-64 code")
        return 77
    return 1 if sum(check(path) for path in paths) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

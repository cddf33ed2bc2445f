"""What compilers' flags do to the library: flags_test.py TEST --compiler CXX --include FOLDER ... [--all]

    math      every subset of the flags that -ffast-math consists of is refused with one sentence, or changes no code
    standard  without C++20, every header stops at one sentence
    message   a build without AVX2 says so once, and never as an error
    names     headers compile after C headers and macros with short names, and with libstdc++'s debug containers

Exits with 1 at a failure, and with 77 where the compiler is neither g++ nor clang++ on x86-64. --all: math runs the program for
every subset that is not refused and every instruction set that this processor has, which takes an hour.
"""

import argparse
import itertools
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = HERE.parent.parent / "include"
REFUSAL = "dfrot computes exact codes and refuses NaN"

failures = []


def check(holds, text):
    if not holds:
        failures.append(text)
        print("FAILED:", text)


class Compiler:
    def __init__(self, command, includes):
        self.command = command
        # The compiler reads /usr/include by itself, last: named, it would come before the headers of C++ that look behind themselves.
        folders = [folder for folder in includes if folder != "/usr/include"]
        self.includes = [f"-I{HEADERS}"] + [option for folder in folders for option in ("-isystem", folder)]
        macros = subprocess.run([command, "-dM", "-E", "-x", "c++", "/dev/null"], capture_output=True, text=True, check=True).stdout
        self.is_clang = "__clang__" in macros
        self.is_known = "__GNUC__" in macros and "__x86_64__" in macros

    def run(self, *options):
        return subprocess.run([self.command, *self.includes, *options], capture_output=True, text=True)

    def look_at(self, text, *options):
        """Compiles a text without code for it."""
        return subprocess.run([self.command, *self.includes, *options, "-fsyntax-only", "-x", "c++", "-"], input=text,
                              capture_output=True, text=True)


def errors_in(result):
    return [line for line in result.stderr.splitlines() if re.search(r"\berror:", line)]


# ---- math

SETS = {"": [], "AVX2": ["-mavx2", "-mfma", "-mf16c"], "AVX-512": ["-march=skylake-avx512"], "native": ["-march=native"]}


def parts_of_fast_math(compiler):
    common = ["-ffinite-math-only", "-fassociative-math", "-freciprocal-math", "-fno-signed-zeros"]
    if compiler.is_clang:
        return common + ["-fapprox-func", "-fno-honor-nans", "-fno-honor-infinities"]
    return common + ["-fno-trapping-math", "-fno-math-errno"]


def other_flags(compiler):
    """As they stand on a command line; what is refused, and what is not and has to change nothing."""
    refused = [["-ffast-math"], ["-Ofast"]]
    accepted = [["-ffast-math", "-fno-fast-math"], ["-frounding-math", "-ffp-contract=off"], ["-ffp-contract=fast"]]
    # What these leave of -ffast-math gave wrong scales in plain loops of g++ 12.
    rest = ["-ffast-math", "-fno-finite-math-only", "-fno-associative-math", "-fno-reciprocal-math"]
    if compiler.is_clang:
        accepted += [["-funsafe-math-optimizations", "-fno-honor-nans", "-fno-math-errno"], rest]
    else:
        refused += [["-funsafe-math-optimizations"], ["-fsingle-precision-constant"], rest]
    return refused, accepted


def is_refused(compiler, flags):
    """Whether config.hpp refuses the flags, with one error; any other error is a failure."""
    result = compiler.look_at("#include <dfrot/config.hpp>\n", "-std=c++20", "-O2", "-w", *flags)
    if result.returncode != 0:
        lines = errors_in(result)
        check(len(lines) == 1 and REFUSAL in lines[0] and "-fno-fast-math" in result.stderr,
              f"{' '.join(flags)} is refused with other words: {result.stderr[:500]}")
        again = compiler.look_at("#include <dfrot/config.hpp>\n", "-std=c++20", "-O2", "-w", *flags, "-fno-fast-math",
                                 *(["-fno-single-precision-constant"] if not compiler.is_clang else []))
        check(again.returncode == 0, f"{' '.join(flags)} -fno-fast-math is refused, too")
    return result.returncode != 0


def run_exactly(compiler, flags, instruction_set, folder):
    """Compiles exact_codes.cpp with the flags and runs it. Returns its hashes."""
    what = f"exact_codes.cpp with {' '.join(flags) or 'no flags'} and {instruction_set or 'no instruction set'}"
    program = str(pathlib.Path(folder) / "exact_codes")
    compiled = compiler.run("-std=c++20", "-O2", "-w", "-DDFROT_PORTABLE=1", *SETS[instruction_set], *flags,
                            str(HERE / "exact_codes.cpp"), "-o", program)
    if compiled.returncode != 0:
        check(False, f"{what} does not compile: {compiled.stderr[:500]}")
        return ""
    ran = subprocess.run([program], capture_output=True, text=True)
    check(ran.returncode == 0, f"{what}: {ran.stdout[:1000]}{ran.stderr[:200]}")
    print("ran", what, flush=True)
    return ran.stdout


def processor_has(name):
    found = set(re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M).group(1).split())
    needed = {"AVX2": {"avx2", "fma", "f16c"}, "AVX-512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
    return needed.get(name, set()) <= found


def test_math(compiler, everything):
    parts = parts_of_fast_math(compiler)
    subsets = [list(subset) for size in range(len(parts) + 1) for subset in itertools.combinations(parts, size)]
    accepted = [subset for subset in subsets if not is_refused(compiler, subset)]
    print(f"{len(subsets)} subsets, {len(subsets) - len(accepted)} refused")
    check([] in accepted, "no flags at all are refused")
    refused, others = other_flags(compiler)
    for flags in refused:
        check(is_refused(compiler, flags), f"{' '.join(flags)} is not refused")
    for flags in others:
        check(not is_refused(compiler, flags), f"{' '.join(flags)} is refused")
    if not compiler.is_clang:  # of which no macro tells
        for name in ("fast-math", "finite-math-only", "unsafe-math-optimizations"):
            result = compiler.look_at(f'#pragma GCC optimize("{name}")\n#include <dfrot/config.hpp>\n', "-std=c++20", "-O2")
            check(len(errors_in(result)) == 1 and REFUSAL in result.stderr, f'#pragma GCC optimize("{name}") is not refused')
    # The larger a set of flags, the more the compiler may change.
    largest = [a for a in accepted if not any(set(a) < set(b) for b in accepted)]
    names = [name for name in SETS if processor_has(name)] if everything else ["AVX2" if processor_has("AVX2") else ""]
    runs = (accepted + others) if everything else largest + others[1:2]
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            strict = run_exactly(compiler, [], name, folder)
            for flags in runs:
                found = run_exactly(compiler, flags, name, folder)
                # Without the instruction, clang++ may make two roundings of a fused multiply-add.
                if name or not compiler.is_clang:
                    check(found == strict, f"{' '.join(flags)}, {name}: products or Gaussian numbers have changed")


# ---- standard


def reaches_config_first(header, seen=()):
    """Whether the first thing in a header that is not the standard library's is config.hpp, through other headers or not."""
    if header == "dfrot/config.hpp":
        return True
    if header in seen:
        return False
    for line in (HEADERS / header).read_text().splitlines():
        line = re.sub(r"//.*", "", line).strip()
        inner = re.match(r"#\s*include <(dfrot/[^>]+)>", line)
        if inner:
            return reaches_config_first(inner.group(1), seen + (header,))
        if line and not re.match(r"#\s*(pragma once|include|if|endif)", line):
            return False
    return False


def test_standard(compiler, _):
    headers = sorted(str(path.relative_to(HEADERS)) for pattern in ("*.hpp", "*.cuh") for path in HEADERS.rglob(pattern))
    check(len(headers) > 100, f"only {len(headers)} headers under {HEADERS}")
    for header in headers:
        if header != "dfrot/version.hpp":  # macros, for anybody
            check(reaches_config_first(header), f"{header} may be read without C++20 up to something that needs it")
    umbrellas = ["dfrot/cpu.hpp", "dfrot/reference.hpp", "dfrot/dfrot.hpp", "dfrot/io/npy.hpp", "dfrot/core/policy.hpp",
                 "dfrot/adapt/eigen.hpp", "dfrot/linalg/blas.hpp"]
    for header, version in itertools.product(umbrellas, ("c++17", "gnu++14")):
        result = compiler.look_at(f"#include <{header}>\nint main() {{ return 0; }}\n", f"-std={version}")
        lines = errors_in(result)
        check(len(lines) == 1 and "dfrot needs C++20: compile with -std=c++20" in lines[0],
              f"{header} as {version}: {len(lines)} errors: {result.stderr[:500]}")


# ---- message


def test_message(compiler, _):
    cpu = "#include <dfrot/backend/cpu/policy.hpp>\n#include <dfrot/backend/cpu/pack.hpp>\n"
    reference = "#include <dfrot/backend/reference/policy.hpp>\n#include <dfrot/quantize/quantize.hpp>\n"
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    for text, flags, expected in ((cpu, [], 1), (cpu, ["-mavx2"], 1), (cpu, ["-DDFROT_PORTABLE=1"], 0),
                                  (cpu, SETS["AVX2"], 0), (reference, [], 0)):
        result = compiler.look_at(text, "-std=c++20", *warnings, *flags)
        said = len(re.findall(r"(?:message: |warning: )dfrot: compiled without AVX2", result.stderr))
        check(result.returncode == 0, f"{' '.join(flags)} is an error: {result.stderr[:500]}")
        check(said == expected, f"{text.split('>')[0]}> with {' '.join(flags)}: said {said} times, not {expected}")
        check(expected == 0 or "-mavx2 -mfma -mf16c" in result.stderr, "the message names no flags")


# ---- names

# What C headers of some system define, or may: standard and POSIX names, and those of BSD, Windows, X11, Qt, Arduino.
C_HEADERS = """arpa/inet.h arpa/nameser.h complex.h ctype.h elf.h errno.h fcntl.h fenv.h float.h inttypes.h limits.h locale.h math.h
netdb.h pthread.h resolv.h sched.h search.h setjmp.h signal.h stdio.h stdlib.h string.h sys/ioctl.h sys/mman.h sys/param.h
sys/resource.h sys/socket.h sys/stat.h sys/sysmacros.h sys/time.h sys/types.h sys/ucontext.h sys/wait.h syslog.h termios.h tgmath.h
time.h unistd.h wchar.h""".split()
HOSTILE_NAMES = """I complex imaginary linux unix i386 major minor makedev B0 B50 B75 B110 B300 B600 B1200 CR0 CR1 NL0 NL1 FF0 FF1 TAB0
TAB1 VT0 VT1 ECHO OVERFLOW UNDERFLOW DOMAIN SING PLOSS TLOSS HUGE MIN MAX howmany roundup powerof2 isset isclr setbit clrbit NBBY
PAGE_SIZE st_atime st_mtime sa_handler si_value h_addr small near far hyper interface IN OUT OPTIONAL VOID CONST TRUE FALSE ERROR DELETE
THIS PASCAL None Bool Status True False Always Above Below Complex Convex Unsorted Expose Xor F PI EULER DEFAULT INPUT OUTPUT HIGH LOW
CHANGE sq radians degrees constrain signals slots emit foreach forever nil YES NO _A _B _C _D _E _G _L _N _P _R _S _T _U _X""".split()


def test_names(compiler, _):
    own = sorted(str(path.relative_to(HEADERS)) for path in HEADERS.rglob("*.hpp"))
    text = "\n".join((HEADERS / header).read_text() for header in own)
    foreign = sorted(set(re.findall(r"#include <([a-z_0-9]+(?:\.h)?|Eigen/\w+)>", text)) - {"arm_neon.h", "omp.h"})
    # First those that have to stand I and the like of C headers, and whose own names then are not at stake.
    lines = [f"#include <{header}>" for header in C_HEADERS]
    lines += ["#include <dfrot/adapt/eigen_core.hpp>", "#include <dfrot/backend/cpu/isa/xsimd.hpp>", "#include <nlohmann/json.hpp>"]
    lines += ["#if !defined(I)", "#error dfrot takes a macro away", "#endif"]
    lines += [f"#include <{header}>" for header in foreign]
    lines += [f"#undef {name}\n#define {name} DFROT_HEADERS_USE_THE_NAME_{name} )))" for name in HOSTILE_NAMES]
    lines += [f"#include <{header}>" for header in own]
    result = compiler.look_at("\n".join(lines) + "\n", "-std=gnu++20", "-w", "-march=native", "-DDFROT_PORTABLE=1", "-D_GLIBCXX_DEBUG",
                              "-D_GLIBCXX_ASSERTIONS")
    check(result.returncode == 0, "headers after C headers and hostile macros: " + "\n".join(errors_in(result)[:5]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("test", choices=["math", "standard", "message", "names"])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--include", action="append", default=[], help="a folder of Eigen's or xsimd's headers")
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    compiler = Compiler(given.compiler, given.include)
    if not compiler.is_known:
        print(f"skipped: {given.compiler} is neither g++ nor clang++ for x86-64")
        return 77
    {"math": test_math, "standard": test_standard, "message": test_message, "names": test_names}[given.test](compiler, given.all)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

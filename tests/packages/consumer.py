"""What the tests of package managers share: commands with readable failures, and the consumer project."""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys

SKIPPED = 77
PROJECT = pathlib.Path(__file__).resolve().parent / "project"


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("source", "folder"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    for name in ("compiler", "xsimd", "eigen"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def version_of(source):
    header = (source / "include/dfrot/version.hpp").read_text()
    return ".".join(re.search(rf"define DFROT_VERSION_{part} +(\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))


def run(command, cwd, env=None, refused=()):
    """Runs a command that must succeed; or, given the words of a reason, one that must be refused with all of them."""
    command = [str(word) for word in command]
    print("$", shlex.join(command), flush=True)
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    said = " ".join(done.stdout.split())  # lines are wrapped anywhere
    if refused:
        missing = [words for words in refused if words not in said]
        if done.returncode == 0 or missing:
            sys.exit(f"{done.stdout}\nexit status {done.returncode}; expected: refused, with the words {missing or refused}")
        print(f"  refused, as it should be: {refused}")
    elif done.returncode != 0:
        sys.exit(f"{done.stdout}\nexit status {done.returncode}")
    return done.stdout


def expect_refusals(build, version, env=None):
    """In a build of the whole: versions and components that are not there, each with its reason."""
    for wanted, reason in (("99", f"version: {version}"), ("1.0...<2", f"version: {version}"),
                           ("0.1;COMPONENTS;nope", 'dfrot has no component "nope"')):
        configure(build, [f"-DWANTED={wanted}"], env, refused=[reason])


def configure(build, settings, env=None, refused=()):
    run(["cmake", "-S", PROJECT, "-B", build, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *settings], build.parent, env, refused)


def build_and_run(build, settings, package_folders, kernels_only=False, env=None):
    """Builds and runs the consumer project; headers must come from the package manager, not from the system."""
    configure(build, [*settings, f"-DKERNELS_ONLY={'ON' if kernels_only else 'OFF'}"], env)
    expect_headers_in(package_folders, build, kernels_only)
    run(["cmake", "--build", build, "--parallel", "1"], build.parent, env)
    for program in ("engine",) if kernels_only else ("engine", "quantizer"):
        print(" ", run([build / program], build.parent).strip())


def include_folders(words):
    """The folders of -I and -isystem, written as one word or as two."""
    pairs = zip(words, [*words[1:], ""])
    return [pathlib.Path(word.removeprefix(option) or after) for word, after in pairs
            for option in ("-isystem", "-I") if word.startswith(option)]


def expect_headers_in(package_folders, build, kernels_only):
    commands = json.loads((build / "compile_commands.json").read_text())
    folders = [folder for entry in commands for folder in include_folders(shlex.split(entry["command"]))]
    expect_headers(folders, package_folders, ["dfrot/cuda.cuh", "xsimd/xsimd.hpp"] + ([] if kernels_only else ["Eigen/Core"]))


def expect_headers(folders, package_folders, headers):
    strangers = [str(folder) for folder in folders if not any(folder.is_relative_to(home) for home in package_folders)]
    if strangers:
        sys.exit(f"include folders that no package brought: {strangers}")
    for header in headers:
        if not any((folder / header).is_file() for folder in folders):
            sys.exit(f"no package brought {header}: include folders are {[str(folder) for folder in folders]}")

"""Packages dfrot with Conan 2, as a user does, and builds programs with the package.

    conan_test.py --source <dfrot> --folder <scratch> --compiler <c++> --xsimd <include folder>=<version> --eigen <the same>

Nothing is read from or written to the user's own Conan: home, profiles and caches are in the scratch folder, and remotes are
disabled, so that xsimd and Eigen are stand-in packages of the system's headers (packaging/conan). Conan itself is the one in
PATH, or is installed from PyPI into a virtual environment that later runs find again. Exit status 77, with the reason in one
line: there is neither.
"""

import os
import shlex
import shutil
import subprocess
import sys

import consumer


def says_version_2(conan):
    try:
        said = subprocess.run([conan, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return said.startswith("Conan version 2.")


def find_conan(folder):
    for conan in (shutil.which("conan"), folder / "venv/bin/conan"):
        if conan and says_version_2(conan):
            return conan
    shutil.rmtree(folder / "venv", ignore_errors=True)
    installed = subprocess.CompletedProcess([], 0)
    for command in ([sys.executable, "-m", "venv", folder / "venv"],
                    [folder / "venv/bin/pip", "install", "--quiet", "--retries", "1", "--timeout", "20", "conan>=2,<3"]):
        if installed.returncode == 0:
            installed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if installed.returncode != 0:
        last_line = (installed.stdout.strip().splitlines() or ["no reason given"])[-1]
        consumer.skip(f"no conan 2 in PATH, and none could be installed from PyPI ({last_line})")
    return folder / "venv/bin/conan"


class ConanHome:
    """A Conan of our own: an empty home without remotes, and a profile for one compiler."""

    def __init__(self, conan, folder):
        self.conan = conan
        self.folder = folder
        self.home = folder / "home"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("CONAN", "CXX", "CC"))}
        self.env["CONAN_HOME"] = str(self.home)
        self.home.mkdir(parents=True)
        (folder / ".conanrc").write_text("conan_home=./home\n")  # one in a folder above would win otherwise
        self("remote", "disable", "*")

    def __call__(self, *arguments, refused=()):
        return consumer.run([self.conan, *arguments], self.folder, self.env, refused)

    def add_profile(self, name, compiler):
        env = {**self.env, "CXX": compiler}
        consumer.run([self.conan, "profile", "detect", "--name", f"{name}-detected"], self.folder, env)
        (self.home / "profiles" / name).write_text(
            f"include({name}-detected)\n"
            "[settings]\ncompiler.cppstd=20\nbuild_type=Debug\n"
            "[conf]\n"
            f'tools.build:compiler_executables={{"cpp": "{compiler}"}}\n'
            "tools.cmake.cmaketoolchain:generator=Ninja\n"
            "tools.cmake.cmaketoolchain:user_presets=\n"  # writes into the source folder otherwise; so does test_folder
            f"tools.cmake.cmake_layout:test_folder={self.folder / 'test package'}\n")


def create_packages(conan, source, stand_ins):
    for name, where in stand_ins.items():
        include, version = where.rsplit("=", 1)
        conan("create", source / "packaging/conan" / name, "--version", version, "-pr:a", "gcc",
              "-c", f"user.stand_in:include={include}")
    said = conan("create", source, "-pr:a", "gcc")
    for line in ("engine: 4 rows transformed", "quantizer: Eigen wrote to a matrix of dfrot"):
        if line not in said.splitlines():
            sys.exit(f"{said}\ntest_package did not say: {line}")
        print(f"  {line}")


def install(conan, reference, output, *arguments, refused=()):
    folder = conan.folder / output
    conan("install", f"--requires={reference}", "-of", folder, *arguments, refused=refused)
    return folder


def check_cmake_consumers(conan, reference):
    """CMakeDeps and find_package(dfrot): all of it; without Eigen; what must be refused."""
    generators = ("-g", "CMakeDeps", "-g", "CMakeToolchain", "-pr:a", "gcc")
    folder = install(conan, reference, "all of it", *generators)
    whole = folder / "build"
    toolchain = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_TOOLCHAIN_FILE={folder / 'conan_toolchain.cmake'}"]
    consumer.build_and_run(whole, toolchain, [conan.home], env=conan.env)
    consumer.expect_refusals(whole, reference.removeprefix("dfrot/"), conan.env)

    folder = install(conan, reference, "without Eigen", *generators, "-o", "dfrot/*:with_eigen=False")
    kernels = folder / "build"
    toolchain[-1] = f"-DCMAKE_TOOLCHAIN_FILE={folder / 'conan_toolchain.cmake'}"
    consumer.build_and_run(kernels, [*toolchain, "-DWANTED=0.1;COMPONENTS;kernels"], [conan.home], True, conan.env)
    consumer.configure(kernels, ["-DWANTED=0.1;COMPONENTS;dfrot"], conan.env, refused=["component dfrot needs Eigen"])


def check_pkg_config_consumer(conan, reference, profile, compiler):
    """PkgConfigDeps, and a program that is compiled by hand."""
    if not shutil.which("pkg-config"):
        print("left out: a program with PkgConfigDeps, since there is no pkg-config")
        return
    folder = install(conan, reference, f"pkg-config {profile}", "-g", "PkgConfigDeps", "-pr:a", profile)
    env = {**conan.env, "PKG_CONFIG_PATH": str(folder)}
    flags = shlex.split(consumer.run(["pkg-config", "--cflags", "--libs", "dfrot-kernels"], folder, env))
    consumer.expect_headers(consumer.include_folders(flags), [conan.home], ["dfrot/cpu.hpp", "xsimd/xsimd.hpp"])
    sources = [consumer.PROJECT / name for name in ("engine.cpp", "transform.cpp")]
    consumer.run([compiler, "-std=c++20", *sources, "-o", folder / "engine", *flags], folder)
    print(" ", consumer.run([folder / "engine"], folder).strip())


def find_clang_with_openmp(folder):
    """Of several versions, Debian installs the OpenMP runtime of one only."""
    source = folder / "empty.cpp"
    source.write_text("int main() {}\n")
    for clang in filter(None, map(shutil.which, ["clang++", *(f"clang++-{version}" for version in range(30, 13, -1))])):
        command = [clang, "-fopenmp=libomp", source, "-o", folder / "empty"]
        if subprocess.run(command, capture_output=True).returncode == 0:
            return clang
    return None


def files_below(source):
    """What a run must leave as it was: the folders whose recipes it reads."""
    return {str(path) for name in ("test_package", "packaging") for path in (source / name).rglob("*")}


def main():
    options = consumer.arguments()
    reference = f"dfrot/{consumer.version_of(options.source)}"

    options.folder.mkdir(parents=True, exist_ok=True)
    program = find_conan(options.folder)
    scratch = options.folder / "a folder"  # with a space, as folders of users have
    shutil.rmtree(scratch, ignore_errors=True)
    files_before = files_below(options.source)

    conan = ConanHome(program, scratch)
    conan.add_profile("gcc", options.compiler)
    create_packages(conan, options.source, {"xsimd": options.xsimd, "eigen": options.eigen})
    check_cmake_consumers(conan, reference)
    check_pkg_config_consumer(conan, reference, "gcc", options.compiler)
    clang = find_clang_with_openmp(scratch)
    if clang:
        conan.add_profile("clang", clang)
        check_pkg_config_consumer(conan, reference, "clang", clang)
    else:
        print("left out: a program by clang++, since there is none, or none with OpenMP")
    install(conan, reference, "C++17", "-pr:a", "gcc", "-s", "compiler.cppstd=17",
            refused=["dfrot is C++20", "cppstd (17)", "Add -s compiler.cppstd=20"])

    if files_below(options.source) != files_before:
        sys.exit(f"files were left in {options.source}: {sorted(files_below(options.source) ^ files_before)}")


if __name__ == "__main__":
    main()

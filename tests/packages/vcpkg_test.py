"""Installs the vcpkg port of this source tree, as a user does, and builds programs with it.

    vcpkg_test.py --source <dfrot> --folder <scratch> --compiler <c++> --xsimd <include folder>=<version> --eigen <the same>

Takes the tool that VCPKG_ROOT holds, and of its ports only the helpers (vcpkg-cmake, vcpkg-cmake-config): xsimd and Eigen are
stand-in ports of the system's headers (packaging/vcpkg/stand_ins). Nothing is downloaded, and nothing is written outside the
scratch folder. Exit status 77, with the reason in one line: there is no vcpkg.
"""

import json
import os
import pathlib
import shutil
import sys

import consumer


def find_root():
    root = os.environ.get("VCPKG_ROOT")
    if not root:
        consumer.skip("VCPKG_ROOT names no folder with a vcpkg")
    root = pathlib.Path(root).resolve()
    for needed in ("vcpkg", "ports/vcpkg-cmake", "ports/vcpkg-cmake-config"):
        if not (root / needed).exists():
            consumer.skip(f"VCPKG_ROOT is {root}, which has no {needed}")
    return root


def expect_files(packages):
    """What the port adds to `cmake --install`, and what must survive it."""
    for name in ("usage", "copyright"):
        if not (packages / "share/dfrot" / name).is_file():
            sys.exit(f"{packages}/share/dfrot has no {name}")
    for description in packages.glob("share/**/*.cps"):  # says where it stands, so it must not have been moved
        folder = json.loads(description.read_text())["cps_path"]
        if folder.replace("@prefix@", str(packages)) != str(description.parent):
            sys.exit(f"{description} says that it stands in {folder}")


class Vcpkg:
    """One root and its tool; every install root is a folder of our own."""

    def __init__(self, root, source, folder, stand_ins):
        self.root = root
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if "VCPKG" not in name}
        self.env.update(VCPKG_FORCE_SYSTEM_BINARIES="1", VCPKG_DISABLE_METRICS="1", VCPKG_MAX_CONCURRENCY="1",
                        X_VCPKG_ASSET_SOURCES="clear;x-block-origin",
                        **stand_ins)
        ports = source / "packaging/vcpkg"
        self.options = [f"--vcpkg-root={root}", "--classic", "--no-binarycaching", f"--overlay-ports={ports}",
                        f"--overlay-ports={ports / 'stand_ins'}"] + [
                            f"--{option}={folder / name}" for option, name in
                            (("x-buildtrees-root", "buildtrees"), ("x-packages-root", "packages"), ("downloads-root", "downloads"))]

    def install(self, port, name):
        """Returns the settings of CMake for a project that uses what was installed."""
        installed = self.folder / name
        said = consumer.run([self.root / "vcpkg", "install", port, *self.options, f"--x-install-root={installed}"], self.folder, self.env)
        print("".join(f"  {line}\n" for line in said.splitlines() if "dfrot" in line or "warning" in line), end="")
        triplet = next(path.parents[1] for path in installed.glob("*/share/dfrot"))
        expect_files(triplet)
        return triplet, ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", f"-DVCPKG_INSTALLED_DIR={installed}",
                         f"-DVCPKG_TARGET_TRIPLET={triplet.name}", "-DVCPKG_MANIFEST_MODE=OFF",
                         f"-DCMAKE_TOOLCHAIN_FILE={self.root / 'scripts/buildsystems/vcpkg.cmake'}"]


def main():
    options = consumer.arguments()
    root = find_root()
    scratch = options.folder / "a folder"  # with a space, as folders of users have
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    vcpkg = Vcpkg(root, options.source, scratch, {"DFROT_STAND_IN_XSIMD": options.xsimd, "DFROT_STAND_IN_EIGEN": options.eigen})
    compiler = f"-DCMAKE_CXX_COMPILER={options.compiler}"

    packages, settings = vcpkg.install("dfrot", "all of it")
    consumer.build_and_run(scratch / "whole", [*settings, compiler], [packages], env=vcpkg.env)
    consumer.expect_refusals(scratch / "whole", consumer.version_of(options.source), vcpkg.env)

    # The real port `cuda` looks for a toolkit, and fails where there is none.
    features = "core,cuda" if (root / "ports/cuda").exists() and shutil.which("nvcc") else "core"
    packages, settings = vcpkg.install(f"dfrot[{features}]", "without Eigen")
    consumer.build_and_run(scratch / "kernels", [*settings, compiler, "-DWANTED=0.1;COMPONENTS;kernels"], [packages], True, vcpkg.env)
    consumer.configure(scratch / "kernels", ["-DWANTED=0.1"], vcpkg.env, refused=["configured without Eigen"])
    if features == "core":
        print("left out: the feature cuda, since there is no nvcc, or VCPKG_ROOT has no port of CUDA")


if __name__ == "__main__":
    main()

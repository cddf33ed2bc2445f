"""Builds a program of each library with what dfrot's package hands on, and runs both."""

import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, cmake_layout


class DfrotTestPackage(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeDeps", "CMakeToolchain"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def build(self):
        options = self.dependencies["dfrot"].options
        cmake = CMake(self)
        cmake.configure(variables={"WITH_EIGEN": bool(options.with_eigen),
                                   "WITH_OPENMP": bool(options.get_safe("with_openmp"))})
        cmake.build()

    def test(self):
        if can_run(self):
            for program in ("engine", "quantizer") if self.dependencies["dfrot"].options.with_eigen else ("engine",):
                self.run(f'"{os.path.join(self.cpp.build.bindir, program)}"', env="conanrun")

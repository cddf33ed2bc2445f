"""dfrot for Conan 2: headers and licence, copied as they are. packaging/README.md says how it is used and tested."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class DfrotRecipe(ConanFile):
    name = "dfrot"
    description = "Rotations that make the activations of large language models easy to quantize to 4 bits"
    license = "MIT"
    topics = ("quantization", "hadamard", "int4", "llm", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_eigen": [True, False], "with_openmp": [True, False]}
    default_options = {"with_eigen": True, "with_openmp": True}
    exports_sources = "include/*", "LICENSE", "packaging/conan/components.cmake"
    no_copy_source = True

    def set_version(self):
        """The version is written once, in the header that C++ code reads too."""
        header = load(self, os.path.join(self.recipe_folder, "include", "dfrot", "version.hpp"))
        self.version = ".".join(
            re.search(rf"define DFROT_VERSION_{part} +(\d+)", header).group(1) for part in ("MAJOR", "MINOR", "PATCH"))

    def config_options(self):
        # Of other compilers, no flags are known that bring OpenMP with its runtime: operations run on one thread there.
        if self.settings.compiler not in ("gcc", "clang"):
            del self.options.with_openmp

    def requirements(self):
        # What a user's translation unit includes, so it is handed on; the versions are those that are tested.
        self.requires("xsimd/[>=8.1 <15]", transitive_headers=True, transitive_libs=True)
        if self.options.with_eigen:
            self.requires("eigen/[>=3.4 <6]", transitive_headers=True, transitive_libs=True)

    def package_id(self):
        self.info.clear()  # the same files, whatever the options: those only choose what is handed on

    def validate(self):
        try:
            check_min_cppstd(self, 20)
        except ConanInvalidConfiguration as reason:
            raise ConanInvalidConfiguration(f"dfrot is C++20: {reason} Add -s compiler.cppstd=20.")

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        for pattern in ("*.hpp", "*.cuh"):
            copy(self, pattern, src=os.path.join(self.source_folder, "include"),
                 dst=os.path.join(self.package_folder, "include"))
        copy(self, "components.cmake", src=os.path.join(self.source_folder, "packaging", "conan"),
             dst=os.path.join(self.package_folder, "cmake"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "dfrot")
        self.cpp_info.set_property("cmake_config_version_compat", "SameMinorVersion")
        self.cpp_info.set_property("cmake_build_modules", [os.path.join("cmake", "components.cmake")])
        # Otherwise the whole package would be called dfrot::dfrot, as the library that has Eigen is.
        self.cpp_info.set_property("cmake_target_name", "dfrot::all")
        self.cpp_info.set_property("pkg_config_name", "dfrot-all")

        kernels = self._component("kernels", "dfrot-kernels", requires=["xsimd::xsimd"])
        if self.options.get_safe("with_openmp"):
            # The compiler's own OpenMP, which is no package that Conan could hand on.
            flag = "-fopenmp=libomp" if self.settings.compiler == "clang" else "-fopenmp"
            kernels.cxxflags = [flag]
            kernels.exelinkflags = [flag]
            kernels.sharedlinkflags = [flag]
        if self.options.with_eigen:
            self._component("dfrot", "dfrot", requires=["kernels", "eigen::eigen"])
        self._component("cuda", "dfrot-cuda", requires=[])  # for CUDA sources: neither xsimd nor Eigen

    def _component(self, name, pkg_config_name, requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", f"dfrot::{name}")
        component.set_property("pkg_config_name", pkg_config_name)
        component.requires = requires
        component.bindirs = []
        component.libdirs = []
        return component

"""Stands in for Conan Center's xsimd where there is no remote: packages the headers that the system has.

    conan create packaging/conan/xsimd --version 8.1.0 [-c user.stand_in:include=/usr/include]
"""

import os

from conan import ConanFile
from conan.tools.files import copy


class XsimdStandIn(ConanFile):
    name = "xsimd"
    package_type = "header-library"

    def package(self):
        include = self.conf.get("user.stand_in:include", default="/usr/include")
        copy(self, "xsimd/*", src=include, dst=os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "xsimd")
        self.cpp_info.set_property("cmake_target_name", "xsimd")
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []

"""Stands in for Conan Center's eigen where there is no remote: packages the headers that the system has.

    conan create packaging/conan/eigen --version 3.4.0 [-c user.stand_in:include=/usr/include/eigen3]
"""

import os

from conan import ConanFile
from conan.tools.files import copy


class EigenStandIn(ConanFile):
    name = "eigen"
    package_type = "header-library"

    def package(self):
        include = self.conf.get("user.stand_in:include", default="/usr/include/eigen3")
        for pattern in ("Eigen/*", "unsupported/*", "signature_of_eigen3_matrix_library"):
            copy(self, pattern, src=include, dst=os.path.join(self.package_folder, "include", "eigen3"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "Eigen3")
        self.cpp_info.set_property("cmake_target_name", "Eigen3::Eigen")
        self.cpp_info.set_property("pkg_config_name", "eigen3")
        self.cpp_info.includedirs = [os.path.join("include", "eigen3")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []

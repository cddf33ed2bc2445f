# Builds from the source tree that this port stands in, so it needs no release archive: dfrot has no release yet whose
# SHA512 could be written here. For a registry, replace these lines by vcpkg_from_github(REPO … REF … SHA512 …).
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)
if(NOT EXISTS "${SOURCE_PATH}/include/dfrot/version.hpp")
  message(FATAL_ERROR "This port builds from the source tree that it stands in, and ${SOURCE_PATH} is not that of dfrot: "
                      "name it where it stands, --overlay-ports=<dfrot>/packaging/vcpkg")
endif()

set(VCPKG_BUILD_TYPE release)  # header-only
set(VCPKG_FIXUP_ELF_RPATH OFF)  # otherwise vcpkg downloads patchelf to look for programs, of which there are none

vcpkg_check_features(OUT_FEATURE_OPTIONS feature_options FEATURES eigen DFROT_EIGEN)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DDFROT_BUILD_TESTS=OFF
    -DDFROT_BUILD_EXAMPLES=OFF
    -DDFROT_BUILD_BENCHMARKS=OFF
    -DDFROT_BUILD_TOOLS=OFF
    ${feature_options})
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/dfrot)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses")  # share/dfrot/copyright is it
file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")

# A package that find_package(dfrot) finds: written for cmake --install, and for the project that adds this folder. Programs
# install themselves where they are made.

set(package "${PROJECT_BINARY_DIR}/package")
configure_file("${PROJECT_SOURCE_DIR}/cmake/dfrotConfigVersion.cmake.in" "${package}/dfrotConfigVersion.cmake" @ONLY)

# Once a project has added this folder, find_package(dfrot) in it, or in another that it adds, finds this dfrot.
if(NOT PROJECT_IS_TOP_LEVEL)
  file(WRITE "${CMAKE_FIND_PACKAGE_REDIRECTS_DIR}/dfrotConfig.cmake"
    "include(\"${PROJECT_SOURCE_DIR}/cmake/dfrotConfig.cmake\")\n")
  file(WRITE "${CMAKE_FIND_PACKAGE_REDIRECTS_DIR}/dfrotConfigVersion.cmake"
    "include(\"${package}/dfrotConfigVersion.cmake\")\n")
endif()

if(NOT DFROT_INSTALL)
  return()
endif()

set(package_folder "${CMAKE_INSTALL_DATADIR}/cmake/dfrot")
install(TARGETS dfrot_kernels EXPORT dfrot_kernels_targets FILE_SET HEADERS)
install(EXPORT dfrot_kernels_targets NAMESPACE dfrot:: FILE dfrotKernelsTargets.cmake DESTINATION "${package_folder}")
install(TARGETS dfrot_cuda EXPORT dfrot_cuda_targets FILE_SET device_headers)
install(EXPORT dfrot_cuda_targets NAMESPACE dfrot:: FILE dfrotCudaTargets.cmake DESTINATION "${package_folder}")
if(TARGET dfrot_dfrot)
  install(TARGETS dfrot_dfrot EXPORT dfrot_targets FILE_SET HEADERS)
  install(EXPORT dfrot_targets NAMESPACE dfrot:: FILE dfrotTargets.cmake DESTINATION "${package_folder}")
endif()
install(FILES
  "${PROJECT_SOURCE_DIR}/cmake/dfrotConfig.cmake" "${package}/dfrotConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/dfrot_read_version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/dfrot_xsimd.cmake" "${PROJECT_SOURCE_DIR}/cmake/dfrot_eigen.cmake"
  DESTINATION "${package_folder}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/dfrot")

# pkg-config: a prefix relative to the file, so that the folder may move. It knows nothing of plain folders, whose users hand
# on -I themselves.
file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
set(pc_includedir "\${prefix}")
cmake_path(APPEND pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
set(pc_requires_xsimd "xsimd >= 8.1")
if(DFROT_XSIMD_INCLUDE_DIR)
  set(pc_requires_xsimd "")
endif()
set(pc_requires_eigen ", eigen3 >= 3.4")
if(DFROT_EIGEN_INCLUDE_DIR)
  set(pc_requires_eigen "")
endif()
set(pc_names dfrot-kernels)
if(TARGET dfrot_dfrot)
  list(APPEND pc_names dfrot)
endif()
foreach(name IN LISTS pc_names)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${package}/${name}.pc" @ONLY)
  install(FILES "${package}/${name}.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
endforeach()

# The Common Package Specification, for other build systems ($CPS_PATH is the prefix's share). It stands apart, since CMake 4.3
# prefers it to the config in every folder where it looks for both: it would then miss xsimd::xsimd, which xsimd's package does
# not have, and leave OpenMP out.
set(cps_folder "${CMAKE_INSTALL_DATADIR}/dfrot/cps")
set(cps_path "@prefix@")
set(cps_include "@prefix@")
cmake_path(APPEND cps_path "${cps_folder}")
cmake_path(APPEND cps_include "${CMAKE_INSTALL_INCLUDEDIR}")
file(READ "${PROJECT_SOURCE_DIR}/cmake/dfrot.cps.in" cps)
string(CONFIGURE "${cps}" cps @ONLY)
if(NOT TARGET dfrot_dfrot)
  string(JSON cps REMOVE "${cps}" components dfrot)
  string(JSON cps REMOVE "${cps}" requires Eigen3)
endif()
file(WRITE "${package}/cps/dfrot.cps" "${cps}")
install(FILES "${package}/cps/dfrot.cps" DESTINATION "${cps_folder}")

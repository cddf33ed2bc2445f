# cmake --install: headers, and a package that find_package(dfrot) finds. Programs install themselves where they are made.

include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_DATADIR}/cmake/dfrot")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/dfrot" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/dfrot")

install(TARGETS dfrot_kernels EXPORT dfrot_kernels_targets)
install(EXPORT dfrot_kernels_targets NAMESPACE dfrot:: FILE dfrotKernelsTargets.cmake DESTINATION "${package_folder}")
install(TARGETS dfrot_cuda EXPORT dfrot_cuda_targets)
install(EXPORT dfrot_cuda_targets NAMESPACE dfrot:: FILE dfrotCudaTargets.cmake DESTINATION "${package_folder}")
if(TARGET dfrot_dfrot)
  install(TARGETS dfrot_dfrot EXPORT dfrot_targets)
  install(EXPORT dfrot_targets NAMESPACE dfrot:: FILE dfrotTargets.cmake DESTINATION "${package_folder}")
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/dfrotConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/package/dfrotConfig.cmake" INSTALL_DESTINATION "${package_folder}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/dfrotConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${PROJECT_BINARY_DIR}/package/dfrotConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/dfrotConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/dfrot_xsimd.cmake"
  DESTINATION "${package_folder}")

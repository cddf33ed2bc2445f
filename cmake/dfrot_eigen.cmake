# Finds Eigen 3.4 or newer: sets dfrot_eigen_include to its include folders, and dfrot_eigen_target to its target where there is
# one; or dfrot_eigen_missing to a sentence. DFROT_EIGEN_INCLUDE_DIR names a folder with plain sources, the one that holds Eigen/;
# otherwise its package is looked for. The build and the installed package share this file.
# No version is asked for: Eigen 5 refuses a request for "3.4", and Debian's Eigen one for a range.
include("${CMAKE_CURRENT_LIST_DIR}/dfrot_read_version.cmake")
set(dfrot_eigen_include "")
set(dfrot_eigen_target "")
set(dfrot_eigen_missing "")
if(DFROT_EIGEN_INCLUDE_DIR)
  get_filename_component(dfrot_eigen_include "${DFROT_EIGEN_INCLUDE_DIR}" ABSOLUTE)
  # From version 5 on, "WORLD" says no more than that this is Eigen3.
  dfrot_read_version(Eigen3_VERSION "${dfrot_eigen_include}/Eigen/Version" EIGEN_MAJOR_VERSION EIGEN_MINOR_VERSION EIGEN_PATCH_VERSION)
  if(NOT Eigen3_VERSION)
    dfrot_read_version(Eigen3_VERSION "${dfrot_eigen_include}/Eigen/src/Core/util/Macros.h"
      EIGEN_WORLD_VERSION EIGEN_MAJOR_VERSION EIGEN_MINOR_VERSION)
  endif()
  if(NOT Eigen3_VERSION)
    set(dfrot_eigen_missing "DFROT_EIGEN_INCLUDE_DIR is ${dfrot_eigen_include}, which has no Eigen with a version: name the folder that holds Eigen/")
  endif()
else()
  find_package(Eigen3 QUIET NO_MODULE)
  if(TARGET Eigen3::Eigen)
    set(dfrot_eigen_target Eigen3::Eigen)
    get_target_property(dfrot_eigen_include Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
  else()
    set(dfrot_eigen_missing "Eigen 3.4 or newer was not found (Debian: apt-get install libeigen3-dev; DFROT_EIGEN_INCLUDE_DIR names a folder with its sources)")
  endif()
endif()
if(NOT dfrot_eigen_missing AND Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
  set(dfrot_eigen_missing "Eigen ${Eigen3_VERSION} is too old: 3.4 or newer is needed")
endif()

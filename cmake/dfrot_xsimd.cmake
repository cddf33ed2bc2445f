# Finds xsimd 8.1 or newer: sets dfrot_xsimd_include to its include folders, or dfrot_xsimd_missing to a sentence.
# DFROT_XSIMD_INCLUDE_DIR names a folder with plain sources, the one that holds xsimd/; otherwise its package is looked for.
# The build and the installed package share this file. Only the folder is taken: Debian's target links xtl, which it
# does not bring. No version is asked for, since a request for 8 refuses 14: what was found is looked at instead.
include("${CMAKE_CURRENT_LIST_DIR}/dfrot_read_version.cmake")
set(dfrot_xsimd_include "")
set(dfrot_xsimd_missing "")
if(DFROT_XSIMD_INCLUDE_DIR)
  get_filename_component(dfrot_xsimd_include "${DFROT_XSIMD_INCLUDE_DIR}" ABSOLUTE)
  dfrot_read_version(xsimd_VERSION "${dfrot_xsimd_include}/xsimd/config/xsimd_config.hpp"
    XSIMD_VERSION_MAJOR XSIMD_VERSION_MINOR XSIMD_VERSION_PATCH)
  if(NOT xsimd_VERSION)
    set(dfrot_xsimd_missing "DFROT_XSIMD_INCLUDE_DIR is ${dfrot_xsimd_include}, which has no xsimd/config/xsimd_config.hpp with a version: name the folder that holds xsimd/")
  endif()
else()
  if(NOT TARGET xsimd)
    find_package(xsimd QUIET)
  endif()
  if(TARGET xsimd)
    get_target_property(dfrot_xsimd_include xsimd INTERFACE_INCLUDE_DIRECTORIES)
  else()
    set(dfrot_xsimd_missing "dfrot needs xsimd 8.1 or newer, which was not found (Debian: apt-get install libxsimd-dev; DFROT_XSIMD_INCLUDE_DIR names a folder with its sources)")
  endif()
endif()
if(NOT dfrot_xsimd_missing AND xsimd_VERSION AND xsimd_VERSION VERSION_LESS 8.1)
  set(dfrot_xsimd_missing "dfrot needs xsimd 8.1 or newer; found ${xsimd_VERSION}")
endif()

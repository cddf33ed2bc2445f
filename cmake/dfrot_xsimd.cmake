# Finds xsimd 8.1 or newer: sets dfrot_xsimd_include to its include folder, or dfrot_xsimd_missing to a sentence.
# The build and the installed package share this file. Only the folder is taken: Debian's target links xtl, which it
# does not bring. No version is asked for, since a request for 8 refuses 14: what was found is looked at instead.
set(dfrot_xsimd_include "")
set(dfrot_xsimd_missing "")
if(NOT TARGET xsimd)
  find_package(xsimd QUIET)
endif()
if(NOT TARGET xsimd)
  set(dfrot_xsimd_missing "dfrot needs xsimd 8.1 or newer, which was not found (Debian: apt-get install libxsimd-dev)")
elseif(xsimd_VERSION AND xsimd_VERSION VERSION_LESS 8.1)
  set(dfrot_xsimd_missing "dfrot needs xsimd 8.1 or newer; found ${xsimd_VERSION}")
else()
  get_target_property(dfrot_xsimd_include xsimd INTERFACE_INCLUDE_DIRECTORIES)
endif()

# cmake -DLIBRARY_SOURCE=… -DLIBRARY_BUILD=… -DVERSION=… -DFOLDER=… -P install.cmake
#
# Installs the library and moves the prefix to FOLDER/prefix, where the tests of this folder find it. Then reads the package:
# nothing in it names a folder of this build, and each description says the version of version.hpp.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

set(staged "${FOLDER}/staged")
set(prefix "${FOLDER}/prefix")
file(REMOVE_RECURSE "${FOLDER}")
run("${CMAKE_COMMAND}" --install "${LIBRARY_BUILD}" --prefix "${staged}" OUTPUT_QUIET)
file(RENAME "${staged}" "${prefix}")

file(GLOB_RECURSE package "${prefix}/share/*")
if(NOT package)
  message(FATAL_ERROR "no package was installed")
endif()
foreach(file IN LISTS package)
  file(READ "${file}" text)
  foreach(folder "${staged}" "${LIBRARY_BUILD}" "${LIBRARY_SOURCE}")
    string(FIND "${text}" "${folder}" place)
    if(NOT place EQUAL -1)
      message(FATAL_ERROR "${file} names ${folder}: it cannot be moved")
    endif()
  endforeach()
endforeach()

# Every header is installed, in the folder where it was.
file(GLOB_RECURSE written RELATIVE "${LIBRARY_SOURCE}/include" "${LIBRARY_SOURCE}/include/*.hpp" "${LIBRARY_SOURCE}/include/*.cuh")
file(GLOB_RECURSE installed RELATIVE "${prefix}/include" "${prefix}/include/*")
if(NOT written STREQUAL installed)
  message(FATAL_ERROR "installed headers differ from those in include/: ${installed}")
endif()

# Attributes that the Common Package Specification requires, and a path that is the file's own.
file(READ "${prefix}/share/dfrot/cps/dfrot.cps" cps)
foreach(pair "cps_version=0.13.0" "name=dfrot" "version=${VERSION}" "cps_path=@prefix@/share/dfrot/cps")
  string(REGEX MATCH "^([^=]*)=(.*)$" pair "${pair}")
  string(JSON value GET "${cps}" "${CMAKE_MATCH_1}")
  if(NOT value STREQUAL CMAKE_MATCH_2)
    message(FATAL_ERROR "dfrot.cps says ${CMAKE_MATCH_1} ${value}, not ${CMAKE_MATCH_2}")
  endif()
endforeach()
foreach(component kernels dfrot cuda)
  string(JSON type GET "${cps}" components "${component}" type)
  if(NOT type STREQUAL "interface")
    message(FATAL_ERROR "dfrot.cps: component ${component} is of type ${type}")
  endif()
endforeach()

foreach(name dfrot dfrot-kernels)
  file(STRINGS "${prefix}/share/pkgconfig/${name}.pc" line REGEX "^Version:")
  if(NOT line STREQUAL "Version: ${VERSION}")
    message(FATAL_ERROR "${name}.pc: ${line}, not ${VERSION}")
  endif()
endforeach()

if(EXISTS "${prefix}/bin/dfrot-refine")
  run("${prefix}/bin/dfrot-refine" --help)
endif()

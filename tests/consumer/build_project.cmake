# cmake -DPROJECT=… -DFOLDER=… -DCOMPILER=… -DGENERATOR=… -DSETTINGS=A=…|B=… [-DTARGETS=…] [-DSKIP=reason] -P build_project.cmake
#
# Configures, builds and runs a project in FOLDER, a fresh one. Nothing in it has to be fast, so that nothing is optimized.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")
if(SKIP)
  skip("${SKIP}")
endif()

set(settings "")
string(REPLACE "|" ";" pairs "${SETTINGS}")
foreach(pair IN LISTS pairs)
  list(APPEND settings "-D${pair}")
endforeach()
file(REMOVE_RECURSE "${FOLDER}")
run("${CMAKE_COMMAND}" -S "${PROJECT}" -B "${FOLDER}" -G "${GENERATOR}" -DCMAKE_BUILD_TYPE=None
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_FLAGS=-O0 -Wall -Wextra -Werror" ${settings})
run("${CMAKE_COMMAND}" --build "${FOLDER}")
run("${CMAKE_CTEST_COMMAND}" --test-dir "${FOLDER}" --verbose --no-tests=error)

# A project that adds the library does not install it, unless it asks for that.
if(SETTINGS MATCHES "SOURCE=")
  run("${CMAKE_COMMAND}" --install "${FOLDER}" --prefix "${FOLDER}/prefix")
  file(GLOB_RECURSE installed "${FOLDER}/prefix/*")
  if(SETTINGS MATCHES "DFROT_INSTALL=ON" AND NOT installed)
    message(FATAL_ERROR "DFROT_INSTALL installed nothing")
  elseif(installed AND NOT SETTINGS MATCHES "DFROT_INSTALL=ON")
    message(FATAL_ERROR "installed without being asked for: ${installed}")
  endif()
endif()

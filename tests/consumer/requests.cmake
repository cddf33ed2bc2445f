# cmake -DLIBRARY_SOURCE=… -DVERSION=… -DPREFIX=… -DFOLDER=… -DCOMPILER=… -DGENERATOR=… -P requests.cmake
#
# What find_package(dfrot …) accepts, and what it refuses with which reason.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

# request(<outcome> <arguments of find_package, with | between them> <regular expression> [<setting> ...])
set(failures 0)
function(request outcome arguments expected)
  # One build folder for all, so that the compiler is asked once; what an earlier request found is forgotten.
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/requests" -B "${FOLDER}/build" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${PREFIX}" -U *_DIR -U BLAS_* -U DFROT_* -U ADD_SOURCE -U CMAKE_DISABLE_FIND_PACKAGE_*
      "-DREQUEST=${arguments}" ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  if((outcome STREQUAL "accepted" AND NOT status EQUAL 0) OR (outcome STREQUAL "refused" AND status EQUAL 0)
      OR NOT text MATCHES "${expected}")
    message("FAILED: find_package(dfrot ${arguments}) ${ARGN} must be ${outcome} with \"${expected}\", but printed:\n${text}\n")
    math(EXPR failures "${failures} + 1")
    set(failures ${failures} PARENT_SCOPE)
  endif()
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
set(names "kernels, dfrot, blas, cuda")

string(REGEX MATCH "^([0-9]+)\\.([0-9]+)\\.([0-9]+)$" numbers "${VERSION}")
set(minor "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}")
math(EXPR next "${CMAKE_MATCH_3} + 1")
set(next_patch "${minor}.${next}")
math(EXPR next "${CMAKE_MATCH_2} + 1")
set(next_minor "${CMAKE_MATCH_1}.${next}")
string(REPLACE "." "\\." this "version: ${VERSION}")

request(accepted "${minor}...<1" "kernels TRUE, dfrot TRUE, blas FALSE, cuda TRUE")
request(accepted "${minor}" "dfrot TRUE")
request(accepted "${VERSION}|EXACT" "dfrot TRUE")
request(accepted "0...${VERSION}" "dfrot TRUE")
request(accepted "" "kernels TRUE, dfrot TRUE, blas FALSE, cuda TRUE")
request(accepted "COMPONENTS|kernels" "kernels TRUE, dfrot FALSE")
request(accepted "COMPONENTS|cuda" "kernels FALSE, dfrot FALSE, blas FALSE, cuda TRUE")
request(accepted "COMPONENTS|kernels|OPTIONAL_COMPONENTS|dfrot" "dfrot FALSE" -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)

request(refused "99" "${this} \\(older than 99\\)")
request(refused "${next_minor}" "${this} \\(older than ${next_minor}\\)")
request(refused "${next_patch}" "${this} \\(older than ${next_patch}\\)")
request(refused "0.0.9" "${this} \\(not compatible with 0\\.0\\.9: before 1\\.0")
request(refused "${next_minor}...<1" "${this} \\(outside the range ${next_minor}\\.\\.\\.<1\\)")
request(refused "0.0.1...<${minor}" "${this} \\(outside the range")
request(refused "0.0.1...<${VERSION}" "${this} \\(outside the range")
request(refused "0.0.1...0.0.9" "${this} \\(outside the range")
request(refused "COMPONENTS|nope" "no component \"nope\"\\. Its components are: ${names}")
request(refused "COMPONENTS|kernels|nope" "no component \"nope\"\\. Its components are: ${names}")
request(refused "OPTIONAL_COMPONENTS|nope" "no component \"nope\"\\. Its components are: ${names}")
request(refused "COMPONENTS|kernels|OPTIONAL_COMPONENTS|nope" "no component \"nope\"\\. Its components are: ${names}")

# A component without what it needs says what that is.
request(refused "" "component dfrot: Eigen 3\\.4 or newer was not found" -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
request(refused "COMPONENTS|blas" "component blas: Eigen" -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
request(refused "COMPONENTS|blas" "component blas: no BLAS was found" -DCMAKE_DISABLE_FIND_PACKAGE_BLAS=ON)
request(refused "COMPONENTS|kernels" "component kernels: .*xsimd 8\\.1 or newer, which was not found" -DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON)

# Folders of plain sources: their versions are read from the headers.
set(old "${FOLDER}/old")
file(WRITE "${old}/xsimd/config/xsimd_config.hpp"
  "#define XSIMD_VERSION_MAJOR 7\n#define XSIMD_VERSION_MINOR 6\n#define XSIMD_VERSION_PATCH 0\n")
file(WRITE "${old}/Eigen/src/Core/util/Macros.h"
  "#define EIGEN_WORLD_VERSION 3\n#define EIGEN_MAJOR_VERSION 3\n#define EIGEN_MINOR_VERSION 9\n")
file(WRITE "${FOLDER}/new/Eigen/Version"
  "#define EIGEN_WORLD_VERSION 3\n#define EIGEN_MAJOR_VERSION 5\n#define EIGEN_MINOR_VERSION 0\n#define EIGEN_PATCH_VERSION 1\n")
request(refused "COMPONENTS|kernels" "xsimd 8\\.1 or newer; found 7\\.6\\.0" "-DDFROT_XSIMD_INCLUDE_DIR=${old}")
request(refused "" "Eigen 3\\.3\\.9 is too old" "-DDFROT_EIGEN_INCLUDE_DIR=${old}")
request(accepted "" "dfrot TRUE" "-DDFROT_EIGEN_INCLUDE_DIR=${FOLDER}/new")
request(refused "COMPONENTS|kernels" "name the folder that holds xsimd/" "-DDFROT_XSIMD_INCLUDE_DIR=${FOLDER}")
request(refused "" "name the folder that holds Eigen/" "-DDFROT_EIGEN_INCLUDE_DIR=${FOLDER}")

# The sources refuse the same.
function(added outcome expected)
  request(${outcome} "" "${expected}" "-DADD_SOURCE=${LIBRARY_SOURCE}" ${ARGN})
  set(failures ${failures} PARENT_SCOPE)
endfunction()
set(no_eigen -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
added(accepted "dfrot TRUE")
added(accepted "dfrot TRUE" -DDFROT_EIGEN=ON)
added(accepted "dfrot FALSE" -DDFROT_EIGEN=OFF)
added(accepted "dfrot::dfrot is left out: Eigen .*dfrot FALSE" ${no_eigen})
added(refused "Eigen 3\\.4 or newer was not found" ${no_eigen} -DDFROT_EIGEN=ON)
added(accepted "dfrot TRUE" ${no_eigen} "-DDFROT_EIGEN_INCLUDE_DIR=${FOLDER}/new")
added(refused "Eigen 3\\.3\\.9 is too old" "-DDFROT_EIGEN_INCLUDE_DIR=${old}")
added(refused "name the folder that holds Eigen/" "-DDFROT_EIGEN_INCLUDE_DIR=${FOLDER}")
added(refused "xsimd 8\\.1 or newer; found 7\\.6\\.0" "-DDFROT_XSIMD_INCLUDE_DIR=${old}")
added(refused "name the folder that holds xsimd/" "-DDFROT_XSIMD_INCLUDE_DIR=${FOLDER}")
added(refused "xsimd 8\\.1 or newer, which was not found" -DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON)

if(failures)
  message(FATAL_ERROR "${failures} requests had another outcome")
endif()

# cmake -DLIBRARY_SOURCE=… -DPREFIX=… -DFOLDER=… -DCOMPILER=… -DGENERATOR=… -P one_dfrot.cmake
#
# Configures and builds every case of one_dfrot/.
cmake_minimum_required(VERSION 3.25)
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/one_dfrot/CMakeLists.txt" lines REGEX "CASE STREQUAL")
set(failed "")
foreach(line IN LISTS lines)
  string(REGEX MATCH "\"([a-z_]+)\"" case "${line}")
  set(case "${CMAKE_MATCH_1}")
  file(REMOVE_RECURSE "${FOLDER}/${case}")
  message("== ${case}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/one_dfrot" -B "${FOLDER}/${case}" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_BUILD_TYPE=None "-DCMAKE_PREFIX_PATH=${PREFIX}"
      "-DLIBRARY_SOURCE=${LIBRARY_SOURCE}" -DCASE=${case} --no-warn-unused-cli
    OUTPUT_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0)
    execute_process(COMMAND "${CMAKE_COMMAND}" --build "${FOLDER}/${case}" RESULT_VARIABLE status)
  endif()
  if(NOT status EQUAL 0)
    list(APPEND failed ${case})
  endif()
endforeach()
if(failed)
  message(FATAL_ERROR "failed: ${failed}")
endif()

# cmake -DSOURCES=… -DFOLDER=… -DCOMPILER=… -DFOLDERS=…|… -P compile.cmake     include folders for -I
# cmake -DSOURCES=… -DFOLDER=… -DCOMPILER=… -DPREFIX=… -P compile.cmake        what pkg-config says of dfrot in this prefix
#
# Builds engine*.cpp and quantizer*.cpp of SOURCES without CMake's package, as a line in a makefile would, and runs both.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
if(PREFIX)
  find_program(pkg_config NAMES pkg-config pkgconf NO_CACHE)
  if(NOT pkg_config)
    skip("there is no pkg-config")
  endif()
  foreach(module dfrot-kernels dfrot)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${PREFIX}/share/pkgconfig"
        "${pkg_config}" --cflags --libs "${module}"
      OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    message("${module}: ${flags}")
    separate_arguments(flags_${module} UNIX_COMMAND "${flags}")
  endforeach()
else()
  string(REPLACE "|" ";" folders "${FOLDERS}")
  foreach(folder IN LISTS folders)
    list(APPEND flags_dfrot "-I${folder}")
  endforeach()
  set(flags_dfrot-kernels ${flags_dfrot})
endif()

run("${COMPILER}" -std=c++20 -O0 -fopenmp "${SOURCES}/engine.cpp" "${SOURCES}/engine_rotation.cpp" ${flags_dfrot-kernels}
    -o "${FOLDER}/engine")
run("${FOLDER}/engine")
run("${COMPILER}" -std=c++20 -O0 -fopenmp "${SOURCES}/quantizer.cpp" "${SOURCES}/quantizer_rotation.cpp" ${flags_dfrot}
    -o "${FOLDER}/quantizer")
run("${FOLDER}/quantizer")

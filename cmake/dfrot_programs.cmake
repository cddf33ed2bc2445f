# What this project's own programs are compiled with. Nothing here reaches a project that uses the library.

# Warnings, and -march=native where it is asked for.
function(dfrot_own_options result)
  set(options "")
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    list(APPEND options -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      # Two false alarms of g++ 12, about its own headers: the "undefined" operands of AVX-512 intrinsics (GCC bug
      # 105593), and "text" + std::string (GCC bug 105651).
      list(APPEND options -Wno-maybe-uninitialized -Wno-uninitialized -Wno-restrict)
    endif()
    if(DFROT_WARNINGS_AS_ERRORS)
      list(APPEND options -Werror)
    endif()
    if(DFROT_NATIVE)
      list(APPEND options -march=native)
    endif()
    list(APPEND options -DDFROT_PORTABLE=1)
  endif()
  set(${result} "${options}" PARENT_SCOPE)
endfunction()

# The same on a target of this project.
function(dfrot_own_target target)
  dfrot_own_options(options)
  target_compile_options(${target} PRIVATE ${options})
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# The same for a target with CUDA sources, which may have C++ ones, too.
function(dfrot_own_device_target target)
  target_link_libraries(${target} PRIVATE dfrot::cuda)
  target_compile_definitions(${target} PRIVATE DFROT_PORTABLE=1)
  # C++20 is spelled out, since CMake 3.25 does not know that nvcc has it.
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>
    $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow>
    "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow>")
  if(DFROT_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings> $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CUDA_STANDARD_REQUIRED OFF)
endfunction()

# The dense linear algebra, compiled once for all programs of this project that call it.
function(dfrot_compile_decompositions)
  add_library(dfrot_decompositions OBJECT "${PROJECT_SOURCE_DIR}/cmake/decompositions/compiled.cpp")
  target_link_libraries(dfrot_decompositions PRIVATE dfrot::dfrot)
  dfrot_own_target(dfrot_decompositions)
endfunction()

# An executable of this project: sources, then the libraries to link. DECOMPOSITIONS: those of the sources, or ALL, that include
# a header of linalg or optimize.
function(dfrot_add_program target)
  cmake_parse_arguments(PARSE_ARGV 1 program "" "" "SOURCES;LIBRARIES;DECOMPOSITIONS")
  add_executable(${target} ${program_SOURCES})
  target_link_libraries(${target} PRIVATE ${program_LIBRARIES})
  dfrot_own_target(${target})
  if(program_DECOMPOSITIONS AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    if(NOT TARGET dfrot_decompositions)
      dfrot_compile_decompositions()
    endif()
    target_link_libraries(${target} PRIVATE dfrot_decompositions)
    if(program_DECOMPOSITIONS STREQUAL "ALL")
      set(program_DECOMPOSITIONS ${program_SOURCES})
    endif()
    dfrot_declare_decompositions(${program_DECOMPOSITIONS})
  endif()
endfunction()

# dfrot_declare_decompositions(<source>...): sources that leave the dense linear algebra to the program which they become part of,
# one with DECOMPOSITIONS.
function(dfrot_declare_decompositions)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS
      -include "${PROJECT_SOURCE_DIR}/cmake/decompositions/declared.hpp")
  endif()
endfunction()

# dfrot::cuda: core, format, transform and the cuda backend, for targets whose language is CUDA (nvcc of CUDA 12 or newer,
# C++20). Header-only as the rest, so it is there with or without an nvcc; Eigen and xsimd are not needed.

add_library(dfrot_cuda INTERFACE)
add_library(dfrot::cuda ALIAS dfrot_cuda)
set_target_properties(dfrot_cuda PROPERTIES EXPORT_NAME cuda)
target_compile_features(dfrot_cuda INTERFACE cxx_std_20)
file(GLOB_RECURSE device_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*.cuh")
if(NOT TARGET dfrot_dfrot)
  list(APPEND device_headers ${eigen_headers})  # some of linalg and optimize are free of Eigen, and read here, too
endif()
target_sources(dfrot_cuda INTERFACE
  FILE_SET device_headers TYPE HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${device_headers})
set_target_properties(dfrot_cuda PROPERTIES VERIFY_INTERFACE_HEADER_SETS OFF)  # that would take nvcc

# Whether this project's own programs for devices are compiled. Sets dfrot_has_cuda, and enables the language.
set(DFROT_CUDA AUTO CACHE STRING "Compile this project's programs for CUDA devices: ON, OFF, or AUTO, where an nvcc is found")
set_property(CACHE DFROT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(dfrot_has_cuda FALSE)
if(DFROT_CUDA AND (DFROT_BUILD_TESTS OR DFROT_BUILD_EXAMPLES OR DFROT_BUILD_BENCHMARKS OR DFROT_BUILD_TOOLS))
  include(CheckLanguage)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    find_package(CUDAToolkit QUIET)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12 AND TARGET CUDA::cublas AND TARGET CUDA::cusolver)
      set(dfrot_has_cuda TRUE)
    endif()
  endif()
  if(NOT dfrot_has_cuda AND DFROT_CUDA STREQUAL "AUTO")
    message(STATUS "dfrot: no nvcc of CUDA 12 or newer with cuBLAS and cuSOLVER, programs for devices are left out (CMAKE_CUDA_COMPILER names one)")
  elseif(NOT dfrot_has_cuda)
    message(FATAL_ERROR "dfrot: DFROT_CUDA is ON, but there is no nvcc of CUDA 12 or newer with cuBLAS and cuSOLVER (CMAKE_CUDA_COMPILER names one)")
  endif()
endif()

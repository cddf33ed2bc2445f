# The two libraries that other projects link (a third, dfrot::cuda, is in dfrot_cuda.cmake):
#   dfrot::kernels   core, format, transform, quantize, loss, attention and the host backends; needs xsimd, uses OpenMP where it is found
#   dfrot::dfrot     everything: adds Eigen for linalg, adapt and optimize
# Both are header-only, and both hand on include folders and nothing else: no -march, no warnings.

set(DFROT_XSIMD_INCLUDE_DIR "" CACHE PATH "A folder that holds xsimd/, plain sources, in place of xsimd's package")
set(DFROT_EIGEN_INCLUDE_DIR "" CACHE PATH "A folder that holds Eigen/, plain sources, in place of Eigen's package")

# Every header belongs to one library, which installs it.
file(GLOB_RECURSE kernel_headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/include/*.hpp")
set(eigen_headers ${kernel_headers})
set(with_eigen "^dfrot/(linalg|optimize|adapt)/|^dfrot/dfrot\\.hpp$")
list(FILTER kernel_headers EXCLUDE REGEX "${with_eigen}")
# (A program that includes one of these needs nlohmann_json as well, which no library hands on. One set all the same: two sets of
# one folder would hand the folder on twice.)
set(dfrot_with_json "^dfrot/io/(safetensors|strict_json)")
list(FILTER eigen_headers INCLUDE REGEX "${with_eigen}")
list(TRANSFORM kernel_headers PREPEND "${PROJECT_SOURCE_DIR}/include/")
list(TRANSFORM eigen_headers PREPEND "${PROJECT_SOURCE_DIR}/include/")

add_library(dfrot_kernels INTERFACE)
add_library(dfrot::kernels ALIAS dfrot_kernels)
set_target_properties(dfrot_kernels PROPERTIES EXPORT_NAME kernels)
target_compile_features(dfrot_kernels INTERFACE cxx_std_20)
target_sources(dfrot_kernels INTERFACE
  FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${kernel_headers})

include("${CMAKE_CURRENT_LIST_DIR}/dfrot_xsimd.cmake")
if(dfrot_xsimd_missing)
  message(FATAL_ERROR "${dfrot_xsimd_missing}")
endif()
target_include_directories(dfrot_kernels SYSTEM INTERFACE "$<BUILD_INTERFACE:${dfrot_xsimd_include}>")

# OpenMP belongs to the compiler that builds the user's program, so an installed dfrot looks for it anew.
find_package(OpenMP QUIET COMPONENTS CXX)
if(TARGET OpenMP::OpenMP_CXX)
  target_link_libraries(dfrot_kernels INTERFACE $<BUILD_INTERFACE:OpenMP::OpenMP_CXX>)
else()
  message(STATUS "dfrot: OpenMP not found, operations run on one thread")
endif()

set(DFROT_EIGEN AUTO CACHE STRING "dfrot::dfrot, the part with Eigen: ON, OFF, or AUTO, where Eigen is found")
set_property(CACHE DFROT_EIGEN PROPERTY STRINGS AUTO ON OFF)
if(DFROT_EIGEN)
  include("${CMAKE_CURRENT_LIST_DIR}/dfrot_eigen.cmake")
  if(dfrot_eigen_missing AND (DFROT_EIGEN_INCLUDE_DIR OR NOT DFROT_EIGEN STREQUAL "AUTO"))
    message(FATAL_ERROR "dfrot: ${dfrot_eigen_missing}")
  elseif(dfrot_eigen_missing)
    message(STATUS "dfrot: dfrot::dfrot is left out: ${dfrot_eigen_missing}")
  else()
    add_library(dfrot_dfrot INTERFACE)
    add_library(dfrot::dfrot ALIAS dfrot_dfrot)
    set_target_properties(dfrot_dfrot PROPERTIES EXPORT_NAME dfrot)
    target_sources(dfrot_dfrot INTERFACE
      FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${eigen_headers})
    target_link_libraries(dfrot_dfrot INTERFACE dfrot_kernels)
    if(dfrot_eigen_target)
      target_link_libraries(dfrot_dfrot INTERFACE "$<BUILD_INTERFACE:${dfrot_eigen_target}>")
    endif()
    # Not only for a folder: an imported Eigen is a system library by itself, one that was added as a subproject is not.
    target_include_directories(dfrot_dfrot SYSTEM INTERFACE "$<BUILD_INTERFACE:${dfrot_eigen_include}>")
  endif()
endif()

# dfrot::blas: what a program links to use linalg/blas.hpp, whose dense products are those of an external BLAS.
option(DFROT_BLAS "Look for a BLAS, for programs that ask for its products (dfrot::blas)" OFF)
if(DFROT_BLAS AND TARGET dfrot_dfrot)
  find_package(BLAS QUIET)  # BLA_VENDOR chooses: OpenBLAS, Intel10_64lp, FLAME, ...
  if(BLAS_FOUND)
    add_library(dfrot_blas INTERFACE)
    add_library(dfrot::blas ALIAS dfrot_blas)
    target_link_libraries(dfrot_blas INTERFACE dfrot_dfrot BLAS::BLAS)
  else()
    message(STATUS "dfrot: no BLAS found, dfrot::blas is left out (Debian: apt-get install libopenblas-dev)")
  endif()
endif()

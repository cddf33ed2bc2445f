# The two libraries that other projects link (a third, dfrot::cuda, is in dfrot_cuda.cmake):
#   dfrot::kernels   core, format, transform, quantize, loss and the host backends; needs xsimd, uses OpenMP where it is found
#   dfrot::dfrot     everything: adds Eigen for linalg, adapt and optimize
# Both are header-only, and both hand on include folders and nothing else: no -march, no warnings.

add_library(dfrot_kernels INTERFACE)
add_library(dfrot::kernels ALIAS dfrot_kernels)
set_target_properties(dfrot_kernels PROPERTIES EXPORT_NAME kernels)
target_compile_features(dfrot_kernels INTERFACE cxx_std_20)
target_include_directories(dfrot_kernels INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

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

# Eigen 5 refuses a request for "3.4", and Debian's Eigen one for a range: ask for none, then look at what was found.
find_package(Eigen3 QUIET NO_MODULE)
if(TARGET Eigen3::Eigen AND Eigen3_VERSION VERSION_LESS 3.4)
  message(STATUS "dfrot: Eigen ${Eigen3_VERSION} is too old (3.4 or newer is needed), dfrot::dfrot is left out")
elseif(TARGET Eigen3::Eigen)
  add_library(dfrot_dfrot INTERFACE)
  add_library(dfrot::dfrot ALIAS dfrot_dfrot)
  set_target_properties(dfrot_dfrot PROPERTIES EXPORT_NAME dfrot)
  target_link_libraries(dfrot_dfrot INTERFACE dfrot_kernels Eigen3::Eigen)
  # Users of an imported Eigen see it as a system library; one that was added as a subproject has to be declared so.
  get_target_property(eigen_is_imported Eigen3::Eigen IMPORTED)
  if(NOT eigen_is_imported)
    target_include_directories(dfrot_dfrot SYSTEM INTERFACE
      $<BUILD_INTERFACE:$<TARGET_PROPERTY:Eigen3::Eigen,INTERFACE_INCLUDE_DIRECTORIES>>)
  endif()
else()
  message(STATUS "dfrot: Eigen not found, dfrot::dfrot is left out")
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

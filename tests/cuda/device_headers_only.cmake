# Fails if a source for devices reads a header of Eigen or xsimd, or an intrinsics header, although their folders are in the
# include path. Run with -DCOMPILER="compiler;option;…" -DSOURCE=… -DINCLUDE="folder;folder;…".

set(folders "")
foreach(folder IN LISTS INCLUDE)
  list(APPEND folders -I "${folder}")
endforeach()
execute_process(COMMAND ${COMPILER} -std=c++20 ${folders} -M "${SOURCE}"
  OUTPUT_VARIABLE headers ERROR_VARIABLE problem RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${problem}")
endif()
if(NOT headers MATCHES "backend/cuda/hadamard\\.cuh")
  message(FATAL_ERROR "The list of headers is not one: ${headers}")
endif()
string(REGEX MATCHALL "[^ \n]*(/Eigen/|/xsimd/|immintrin\\.h|arm_neon\\.h|backend/cpu/)[^ \n]*" found "${headers}")
if(found)
  list(SUBLIST found 0 1 found)
  message(FATAL_ERROR "A header for the host is read: ${found} …")
endif()

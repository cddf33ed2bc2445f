# Fails if a source reads a header of Eigen although Eigen's folder is in the include path: what engines include is free of
# it. Run with -DCOMPILER=… -DSOURCE=… -DINCLUDE="folder;folder;…".

set(folders "")
foreach(folder IN LISTS INCLUDE)
  list(APPEND folders -I "${folder}")
endforeach()
execute_process(COMMAND "${COMPILER}" -std=c++20 ${folders} -M "${SOURCE}"
  OUTPUT_VARIABLE headers ERROR_VARIABLE problem RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${problem}")
endif()
if(NOT headers MATCHES "backend/cpu/hadamard\\.hpp")
  message(FATAL_ERROR "The list of headers is not one: ${headers}")
endif()
string(REGEX MATCHALL "[^ \n]*Eigen/[^ \n]*" found "${headers}")
if(found)
  list(SUBLIST found 0 3 found)
  message(FATAL_ERROR "Headers of Eigen are read: ${found} …")
endif()

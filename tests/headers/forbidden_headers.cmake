# Fails if a source reads a header that it must not, although the header's folder is in the include path. Run with
# -DCOMPILER="compiler;option;…" -DSOURCE=… -DINCLUDE="folder;folder;…" -DFORBIDDEN=<part of a path, as a regular expression>
# -DEXPECTED=<the same, of a header that is read for certain, so that an empty list is no success>.

set(folders "")
foreach(folder IN LISTS INCLUDE)
  list(APPEND folders -I "${folder}")
endforeach()
execute_process(COMMAND ${COMPILER} -std=c++20 ${folders} -M "${SOURCE}"
  OUTPUT_VARIABLE headers ERROR_VARIABLE problem RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${problem}")
endif()
if(NOT headers MATCHES "${EXPECTED}")
  message(FATAL_ERROR "The list of headers is not one: ${headers}")
endif()
string(REGEX MATCHALL "[^ \n]*(${FORBIDDEN})[^ \n]*" found "${headers}")
if(found)
  list(GET found 0 first)
  message(FATAL_ERROR "A forbidden header is read: ${first}")
endif()

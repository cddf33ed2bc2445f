# cmake -DCOMPILER=c++ -DINCLUDES=-Ia|-isystemb -DSOURCE=x.cpp -P must_not_compile.cmake
#
# SOURCE holds a line "// expect: <regular expression>" and a wrong line under #if !defined(DFROT_FAIL_CONTROL).
# Passes if SOURCE does not compile and the compiler's words match, and if it does compile without the wrong line:
# otherwise it could fail for a reason that nobody meant.

string(REPLACE "|" ";" includes "${INCLUDES}")
set(compile "${COMPILER}" -std=c++20 -fsyntax-only ${includes})

file(STRINGS "${SOURCE}" expectation REGEX "^// expect: " LIMIT_COUNT 1)
string(REGEX REPLACE "^// expect: " "" expectation "${expectation}")
if(expectation STREQUAL "")
  message(FATAL_ERROR "${SOURCE} has no line that begins with '// expect: '")
endif()

execute_process(COMMAND ${compile} -DDFROT_FAIL_CONTROL "${SOURCE}" RESULT_VARIABLE control ERROR_VARIABLE words)
if(NOT control EQUAL 0)
  message(FATAL_ERROR "the control, without the wrong line, does not compile:\n${words}")
endif()

execute_process(COMMAND ${compile} "${SOURCE}" RESULT_VARIABLE status ERROR_VARIABLE words)
if(status EQUAL 0)
  message(FATAL_ERROR "it compiles, but must not")
endif()
if(NOT words MATCHES "${expectation}")
  message(FATAL_ERROR "it does not compile, as it should, but the compiler does not say '${expectation}':\n${words}")
endif()
message(STATUS "rejected with: ${CMAKE_MATCH_0}")

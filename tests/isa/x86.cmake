# The kernel tests with other -m flags; only_with starts each where the processor has what the flags allow.

dfrot_add_program(dfrot_isa_only_with SOURCES only_with.cpp)

# Catch2's main(), compiled without flags and once.
add_library(dfrot_isa_main OBJECT ../support/main.cpp)
target_link_libraries(dfrot_isa_main PRIVATE dfrot::kernels)
if(Catch2_VERSION VERSION_LESS 3)
  target_link_libraries(dfrot_isa_main PUBLIC Catch2::Catch2)
else()
  target_link_libraries(dfrot_isa_main PUBLIC Catch2::Catch2WithMain)
endif()
target_include_directories(dfrot_isa_main PUBLIC "${PROJECT_SOURCE_DIR}/tests")
target_compile_definitions(dfrot_isa_main PUBLIC ${catch_definition})
target_compile_options(dfrot_isa_main PRIVATE -O0)

# Sets that the processor lacks would not run. The widest has every source that they have: it is compiled all the same, without
# optimizations.
function(dfrot_add_isa_test name)
  if(name STREQUAL native_set)
    return()
  endif()
  if(name STREQUAL "avx512" AND native_set STREQUAL "avx2")
    message(STATUS "dfrot: the tests of avx512 are not built: the processor lacks it, and avx512_vnni compiles its sources")
    return()
  endif()
  dfrot_add_program(dfrot_isa_${name} SOURCES ${kernel_tests} LIBRARIES dfrot_isa_main dfrot::kernels)
  # -O1 halves the time that it takes to compile them.
  set(optimize -O1)
  if(NOT native_set STREQUAL "" AND NOT name STREQUAL baseline AND name STRGREATER native_set)  # their names are in their order
    set(optimize -O0)
  endif()
  target_compile_options(dfrot_isa_${name} PRIVATE ${optimize} ${ARGN})
  target_compile_definitions(dfrot_isa_${name} PRIVATE DFROT_TEST_ONE_INSTRUCTION_SET)
  add_test(NAME isa.${name} COMMAND dfrot_isa_only_with ${name} $<TARGET_FILE:dfrot_isa_${name}>)
  set_tests_properties(isa.${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
endfunction()

dfrot_add_isa_test(baseline)
dfrot_add_isa_test(avx2 -mavx2 -mfma -mf16c)
dfrot_add_isa_test(avx512 -march=skylake-avx512)
dfrot_add_isa_test(avx512_vnni -march=skylake-avx512 -mavx512vbmi -mavx512vnni)

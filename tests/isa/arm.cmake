# The kernel tests for 64-bit ARM, cross-compiled, and run by an emulator. One compiler a CMake project: these commands are
# written out. Catch2 3 is a compiled library, which nobody has for ARM at hand: these tests take Catch2 2, a header.

find_program(DFROT_ARM_CXX aarch64-linux-gnu-g++)
find_program(DFROT_ARM_EMULATOR NAMES qemu-aarch64-static qemu-aarch64)
mark_as_advanced(DFROT_ARM_CXX DFROT_ARM_EMULATOR)
find_path(catch2_header catch2/catch.hpp NO_CACHE)

set(missing "")
if(NOT DFROT_ARM_CXX)
  set(missing "aarch64-linux-gnu-g++ not found (Debian: apt-get install g++-aarch64-linux-gnu)")
elseif(NOT DFROT_ARM_EMULATOR)
  set(missing "qemu-aarch64 not found (Debian: apt-get install qemu-user-static)")
elseif(Catch2_VERSION VERSION_GREATER_EQUAL 3 OR NOT catch2_header)
  set(missing "they take the one header of Catch2 2")
endif()
if(missing)
  message(STATUS "dfrot: the tests for 64-bit ARM are left out: ${missing}")
  return()
endif()

# A folder with nothing else: /usr/include would bring this processor's headers.
set(arm_include "${CMAKE_CURRENT_BINARY_DIR}/arm_include")
file(MAKE_DIRECTORY "${arm_include}")
file(CREATE_LINK "${catch2_header}/catch2" "${arm_include}/catch2" SYMBOLIC)
set(arm_command "${DFROT_ARM_CXX}" -std=c++20 -DNDEBUG -DDFROT_TEST_ONE_INSTRUCTION_SET -Wno-psabi -D${catch_definition} -isystem "${arm_include}"
  -I "${PROJECT_SOURCE_DIR}/include" -I "${PROJECT_SOURCE_DIR}/tests")

# Compiles one source to an object, whose path is set in the variable `result`.
function(dfrot_arm_object result folder source)
  file(RELATIVE_PATH name "${PROJECT_SOURCE_DIR}/tests" "${source}")
  string(REPLACE "/" "." name "${name}")
  set(object "${CMAKE_CURRENT_BINARY_DIR}/${folder}/${name}.o")
  file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${folder}")
  add_custom_command(OUTPUT "${object}"
    COMMAND ${arm_command} ${ARGN} -MD -MT "${object}" -MF "${object}.d" -c "${source}" -o "${object}"
    DEPENDS "${source}" DEPFILE "${object}.d" COMMENT "Compiling ${name} for ARM (${folder})" VERBATIM)
  set(${result} "${object}" PARENT_SCOPE)
endfunction()

dfrot_arm_object(arm_main arm_main "${PROJECT_SOURCE_DIR}/tests/support/main.cpp" -O0)

# A test named isa.<name> of these sources. Left out is what is slow without an emulator already (see arm_filter): enumerations,
# statistics and sizes of whole models, which the other tests cover.
function(dfrot_add_arm_test name)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "" "SOURCES;OPTIONS")
  set(objects "${arm_main}")
  foreach(source IN LISTS test_SOURCES)
    dfrot_arm_object(object ${name} "${source}" -O2 ${test_OPTIONS})
    list(APPEND objects "${object}")
  endforeach()
  set(program "${CMAKE_CURRENT_BINARY_DIR}/${name}/kernel_tests")
  add_custom_command(OUTPUT "${program}" COMMAND "${DFROT_ARM_CXX}" -static -o "${program}" ${objects}
    DEPENDS ${objects} COMMENT "Linking the tests for ARM (${name})" VERBATIM)
  add_custom_target(dfrot_isa_${name} ALL DEPENDS "${program}")
  add_test(NAME isa.${name} COMMAND "${DFROT_ARM_EMULATOR}" "${program}" ${arm_filter})
  set_tests_properties(isa.${name} PROPERTIES TIMEOUT 1800 COST 120)  # so that it starts first
endfunction()

set(arm_filter "~codes are the nearest of all sixteen*" "~at the sizes of published models*" "~H H^T*" "~the automatic rule*"
  "~rows without massive tokens*" "~rows of one huge value*" "~transforms take 64 KiB of stack*")
dfrot_add_arm_test(neon SOURCES ${kernel_tests})
if(gemm_tests)
  dfrot_add_arm_test(neon_dotprod SOURCES ${gemm_tests} OPTIONS -march=armv8.2-a+dotprod)
endif()

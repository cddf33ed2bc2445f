# cmake -DWAY=… -DLIBRARY_SOURCE=… -DLIBRARY_BUILD=… -DCOMPILER=… -DGENERATOR=… -DFOLDER=… -P check_consumer.cmake
#
# Configures, builds and runs project/ in FOLDER, a fresh one, with
#   installed           an installed copy: both libraries, and dfrot-refine where it was built
#   installed_kernels   an installed copy, without Eigen: dfrot::kernels alone
#   subdirectory        add_subdirectory on the sources

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
set(project "${CMAKE_CURRENT_LIST_DIR}/project")
set(prefix "${FOLDER}/prefix")

if(WAY STREQUAL "subdirectory")
  set(settings "-DLIBRARY_SOURCE=${LIBRARY_SOURCE}")
else()
  run("${CMAKE_COMMAND}" --install "${LIBRARY_BUILD}" --prefix "${prefix}")
  set(settings "-DCMAKE_PREFIX_PATH=${prefix}")
  if(WAY STREQUAL "installed_kernels")
    list(APPEND settings -DKERNELS_ONLY=ON -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
  endif()
endif()

run("${CMAKE_COMMAND}" -S "${project}" -B "${FOLDER}/build" -G "${GENERATOR}" -DCMAKE_BUILD_TYPE=Release
    "-DCMAKE_CXX_COMPILER=${COMPILER}" ${settings})
run("${CMAKE_COMMAND}" --build "${FOLDER}/build")
run("${CMAKE_CTEST_COMMAND}" --test-dir "${FOLDER}/build" --output-on-failure --no-tests=error)

if(EXISTS "${prefix}/bin/dfrot-refine")
  run("${prefix}/bin/dfrot-refine" --help)
endif()

if(NOT "$ENV{DFROT_STAND_IN_EIGEN}" MATCHES "^(.+)=([0-9.]+)$")
  message(FATAL_ERROR "DFROT_STAND_IN_EIGEN=<include folder>=<version> says which headers stand in for Eigen")
endif()
file(COPY "${CMAKE_MATCH_1}/Eigen" "${CMAKE_MATCH_1}/unsupported" DESTINATION "${CURRENT_PACKAGES_DIR}/include/eigen3")

file(WRITE "${CURRENT_PACKAGES_DIR}/share/eigen3/Eigen3ConfigVersion.cmake" "set(PACKAGE_VERSION ${CMAKE_MATCH_2})
set(PACKAGE_VERSION_COMPATIBLE TRUE)
")
file(WRITE "${CURRENT_PACKAGES_DIR}/share/eigen3/Eigen3Config.cmake" [[
add_library(Eigen3::Eigen INTERFACE IMPORTED)
target_include_directories(Eigen3::Eigen INTERFACE "${CMAKE_CURRENT_LIST_DIR}/../../include/eigen3")
]])
file(WRITE "${CURRENT_PACKAGES_DIR}/share/pkgconfig/eigen3.pc" "prefix=\${pcfiledir}/../..
Name: Eigen3
Description: the system's Eigen
Version: ${CMAKE_MATCH_2}
Cflags: -I\${prefix}/include/eigen3
")
file(WRITE "${CURRENT_PACKAGES_DIR}/share/eigen3/copyright" "See the system's package of Eigen.\n")

if(NOT "$ENV{DFROT_STAND_IN_XSIMD}" MATCHES "^(.+)=([0-9.]+)$")
  message(FATAL_ERROR "DFROT_STAND_IN_XSIMD=<include folder>=<version> says which headers stand in for xsimd")
endif()
file(COPY "${CMAKE_MATCH_1}/xsimd" DESTINATION "${CURRENT_PACKAGES_DIR}/include")

file(WRITE "${CURRENT_PACKAGES_DIR}/share/xsimd/xsimdConfigVersion.cmake" "set(PACKAGE_VERSION ${CMAKE_MATCH_2})
set(PACKAGE_VERSION_COMPATIBLE TRUE)
")
file(WRITE "${CURRENT_PACKAGES_DIR}/share/xsimd/xsimdConfig.cmake" [[
add_library(xsimd INTERFACE IMPORTED)
target_include_directories(xsimd INTERFACE "${CMAKE_CURRENT_LIST_DIR}/../../include")
]])
file(WRITE "${CURRENT_PACKAGES_DIR}/share/pkgconfig/xsimd.pc" "prefix=\${pcfiledir}/../..
Name: xsimd
Description: the system's xsimd
Version: ${CMAKE_MATCH_2}
Cflags: -I\${prefix}/include
")
file(WRITE "${CURRENT_PACKAGES_DIR}/share/xsimd/copyright" "See the system's package of xsimd.\n")

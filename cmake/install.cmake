# SPDX-License-Identifier: BSL-1.0
#
# Headers below include/, everything else below share/: the package is the same for every architecture, and it
# may be moved after it was installed.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(eap_cmake_dir ${CMAKE_INSTALL_DATADIR}/cmake/eap)
set(eap_pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(
  TARGETS eap
  EXPORT eap-targets
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILE_SET toolkits DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(
  EXPORT eap-targets
  NAMESPACE eap::
  DESTINATION ${eap_cmake_dir})

configure_package_config_file(
  cmake/eap-config.cmake.in ${PROJECT_BINARY_DIR}/eap-config.cmake
  INSTALL_DESTINATION ${eap_cmake_dir}
  NO_SET_AND_CHECK_MACRO)
# SameMinorVersion while the library is 0.x: every minor release may change the interface.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/eap-config-version.cmake
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/eap-config.cmake ${PROJECT_BINARY_DIR}/eap-config-version.cmake
        DESTINATION ${eap_cmake_dir})

# Relative to the .pc file, so that the prefix may move.
file(RELATIVE_PATH eap_prefix_from_pkgconfig /prefix/${eap_pkgconfig_dir} /prefix)
configure_file(cmake/eap.pc.in ${PROJECT_BINARY_DIR}/eap.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/eap.pc DESTINATION ${eap_pkgconfig_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

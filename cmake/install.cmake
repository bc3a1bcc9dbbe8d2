# SPDX-License-Identifier: Apache-2.0
# `cmake --install` and find_package(sigprop) with the targets sigprop::formula (headers) and sigprop::sigprop (library).
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sigprop)
install(TARGETS sigprop_formula sigprop EXPORT sigpropTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS sigprop_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/sigprop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(DIRECTORY specs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/sigprop/specs)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(EXPORT sigpropTargets NAMESPACE sigprop:: DESTINATION ${package_dir})
configure_package_config_file(cmake/sigpropConfig.cmake.in sigpropConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(sigpropConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sigpropConfig.cmake ${PROJECT_BINARY_DIR}/sigpropConfigVersion.cmake
  DESTINATION ${package_dir})

# SPDX-License-Identifier: Apache-2.0
# `cmake --install` and find_package(sigprop) with the targets sigprop::formula (headers) and sigprop::sigprop (library).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sigprop)
install(TARGETS sigprop_formula EXPORT sigpropFormulaTargets)
install(EXPORT sigpropFormulaTargets NAMESPACE sigprop:: DESTINATION ${package_dir})
install(DIRECTORY include/sigprop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(SIGPROP_PREDICT)
  install(TARGETS sigprop EXPORT sigpropTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT sigpropTargets NAMESPACE sigprop:: DESTINATION ${package_dir})
  install(DIRECTORY specs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/sigprop/specs)
endif()
if(SIGPROP_CLI)
  install(TARGETS sigprop_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(module_dir ${CMAKE_INSTALL_LIBDIR}/sigprop)
configure_package_config_file(cmake/sigpropConfig.cmake.in sigpropConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS module_dir)
write_basic_package_version_file(sigpropConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sigpropConfig.cmake ${PROJECT_BINARY_DIR}/sigpropConfigVersion.cmake
  DESTINATION ${package_dir})

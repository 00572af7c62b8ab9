include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY PARTITA_ROOMS)
install(TARGETS ${rooms} EXPORT partitaTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS partita RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/partita DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/partita/models OPTIONAL)
install(EXPORT partitaTargets NAMESPACE partita:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/partita)
configure_package_config_file(cmake/partitaConfig.cmake.in ${PROJECT_BINARY_DIR}/partitaConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/partita)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/partitaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/partitaConfig.cmake ${PROJECT_BINARY_DIR}/partitaConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/partita)

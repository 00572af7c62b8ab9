option(PARTITA_AUDIO "Build what reads, writes, renders and plots audio (libsndfile, soxr, FluidSynth, cairo)" ON)
option(PARTITA_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(PARTITA_INSTALL "Make install rules and a find_package(partita) package" ${PROJECT_IS_TOP_LEVEL})
option(PARTITA_WERROR "Treat warnings as errors" OFF)
option(PARTITA_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(PARTITA_NATIVE "Tune for the processor of this machine" OFF)
set(PARTITA_HEADERS "" CACHE PATH "Folder with the headers of fmt, spdlog, nlohmann-json, toml++ and CLI11, in place of \
their packages (scripts/gpu-bundle.sh)")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Programs and libraries alike, so that they can share a precompiled header.
add_compile_options(-fPIC)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set_property(GLOBAL PROPERTY USE_FOLDERS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Precompiled headers and ccache agree only with these allowances; with the base directory a second
# clone finds what the first one compiled.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()

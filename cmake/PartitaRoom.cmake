# partita_compile_options(<target>): warnings, sanitizers, the processor, and OpenMP, without which LibTorch's
# at::parallel_for is a plain loop.
function(partita_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow)
  target_link_libraries(${target} PRIVATE OpenMP::OpenMP_CXX)
  if(PARTITA_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(PARTITA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize=vptr)
  endif()
  if(PARTITA_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
endfunction()

# LibTorch's headers are heavy: one precompiled header serves every target.
file(WRITE ${PROJECT_BINARY_DIR}/pch/pch.cpp "")
add_library(partita_pch STATIC ${PROJECT_BINARY_DIR}/pch/pch.cpp)
target_link_libraries(partita_pch PRIVATE fmt::fmt spdlog::spdlog ${TORCH_LIBRARIES})
target_precompile_headers(partita_pch PRIVATE
  <cstdint> <filesystem> <functional> <map> <memory> <optional> <span> <string> <string_view> <vector>
  <torch/types.h> <fmt/format.h>)
partita_compile_options(partita_pch)

function(partita_precompiled_header target)
  target_precompile_headers(${target} REUSE_FROM partita_pch)
endfunction()

# partita_room(<room> [USES <room>...] [LINK <target>...] [HOST_LINK <target>...])
#
# One library target a room, partita::<room>, from src/<room>/*.cpp and, unless
# PARTITA_AUDIO is off, src/<room>/host/*.cpp. USES names the rooms above it;
# naming one that is not yet defined is an error, which keeps the include
# direction. HOST_LINK is linked only where the host sources are built.
function(partita_room room)
  cmake_parse_arguments(ARG "" "" "USES;LINK;HOST_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(PARTITA_AUDIO)
    file(GLOB host CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/host/*.cpp)
    list(APPEND sources ${host})
  endif()
  add_library(partita_${room} STATIC ${sources})
  add_library(partita::${room} ALIAS partita_${room})
  set_target_properties(partita_${room} PROPERTIES EXPORT_NAME ${room})
  target_compile_features(partita_${room} PUBLIC cxx_std_20)
  # Each room's headers are reached through a directory of its own, so that a
  # room sees only the headers of those it links.
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/rooms/${room}/partita)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include/partita/${room}
       ${PROJECT_BINARY_DIR}/rooms/${room}/partita/${room} SYMBOLIC)
  target_include_directories(partita_${room}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/rooms/${room}> $<INSTALL_INTERFACE:include>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(above IN LISTS ARG_USES)
    if(NOT TARGET partita_${above})
      message(FATAL_ERROR "room '${room}' uses '${above}', which is not above it")
    endif()
    target_link_libraries(partita_${room} PUBLIC partita_${above})
  endforeach()
  target_link_libraries(partita_${room} PUBLIC ${ARG_LINK})
  if(PARTITA_AUDIO)
    target_link_libraries(partita_${room} PRIVATE ${ARG_HOST_LINK})
  endif()
  partita_compile_options(partita_${room})
  partita_precompiled_header(partita_${room})
  set_property(GLOBAL APPEND PROPERTY PARTITA_ROOMS partita_${room})
endfunction()

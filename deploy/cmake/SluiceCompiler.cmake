# Compiler and linker settings of the whole tree.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# The arithmetic that counts is in LibTorch and in kernels that vectorise by themselves: -O3 would only compile longer.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# For the sanitizers: enough for a stack trace, and quick to compile (-O1 takes half as long again).
set(CMAKE_CXX_FLAGS_SANITIZE "-Og -g1")

include(GNUInstallDirs)
# Installed binaries find LibTorch (and NCCL) where they were linked from, as the ones in bin/ do.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  # The precompiled header needs ccache to accept time macros and to hash what the header was made from; paths are
  # taken relative to the tree, so that another clone of it finds what this one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true CCACHE_DEPEND=true ${SLUICE_CCACHE})
endif()
find_program(SLUICE_MOLD mold)
if(SLUICE_MOLD AND NOT SLUICE_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_definitions(SLUICE_VERSION="${PROJECT_VERSION}")

if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

if(SLUICE_FUZZ)
  # Coverage for libFuzzer; its main is linked to the targets in tests/fuzz alone.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Warnings are for our code only; generated code and foreign headers are not ours.
# -Wno-restrict: GCC 12 reports std::string's own assignment from a literal (GCC bug 105651).
set(quirk)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set(quirk -Wno-restrict)
endif()
function(sluice_warnings target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Werror ${quirk} -fno-math-errno>
    $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Werror>)
endfunction()

# sluice_library(name SOURCES … DEPS …): a static library of ours, included from the top of the tree.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  sluice_warnings(${name})
endfunction()

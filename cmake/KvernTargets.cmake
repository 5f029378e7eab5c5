# How the project's own targets are made, so that a folder's CMakeLists says only what it holds.
#   kvern_library(NAME [TORCH] SOURCES ... [LINK ...])   a static library; TORCH: uses LibTorch and its precompiled header
#   kvern_program(NAME [TORCH] SOURCES ... [LINK ...])
#   kvern_test(NAME [TORCH] SOURCES ... [LINK ...])      a Catch2 test program, registered with CTest

# One precompiled header for every target that uses LibTorch: made once, reused.
add_library(kvern_pch OBJECT ${PROJECT_SOURCE_DIR}/core/torch/pch.cpp)
target_include_directories(kvern_pch PUBLIC ${PROJECT_SOURCE_DIR}/core/include)
target_link_libraries(kvern_pch PUBLIC kvern::torch)
target_precompile_headers(kvern_pch PRIVATE ${PROJECT_SOURCE_DIR}/core/torch/torch.hpp)

function(_kvern_finish target torch)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  if(torch)
    target_link_libraries(${target} PUBLIC kvern::torch)
    target_precompile_headers(${target} REUSE_FROM kvern_pch)
  endif()
endfunction()

function(kvern_library name)
  cmake_parse_arguments(A "TORCH" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  add_library(kvern::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/core/include)
  target_link_libraries(${name} PUBLIC ${A_LINK})
  _kvern_finish(${name} "${A_TORCH}")
endfunction()

function(kvern_program name)
  cmake_parse_arguments(A "TORCH" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_LINK})
  _kvern_finish(${name} "${A_TORCH}")
endfunction()

function(kvern_test name)
  if(NOT KVERN_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(A "TORCH" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE kvern_test_main ${A_LINK})
  _kvern_finish(${name} "${A_TORCH}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT
    "KVERN_SOURCE_DIR=${PROJECT_SOURCE_DIR};KVERN_BUILD_DIR=${PROJECT_BINARY_DIR}")
endfunction()

if(KVERN_BUILD_TESTS)
  # Catch2's main, compiled once; tests include tests/support/test.hpp and never Catch2 itself
  add_library(kvern_test_main STATIC ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  target_include_directories(kvern_test_main PUBLIC ${PROJECT_SOURCE_DIR})
endif()

# Adds the folders of a list that have a CMakeLists.txt.
macro(kvern_add_folders)
  foreach(_folder ${ARGN})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${_folder}/CMakeLists.txt)
      add_subdirectory(${_folder})
    endif()
  endforeach()
endmacro()

# How the project's own targets are made, so that a folder's CMakeLists says only what it holds.
#   kvern_library(NAME [TORCH] SOURCES ... [LINK ...])   a static library; TORCH: uses LibTorch and its precompiled header, and is left
#       out of a build without LibTorch (KVERN_ONLY_PYTHON)
#   kvern_program(NAME [TORCH] SOURCES ... [LINK ...])
#   kvern_test(NAME [TORCH] SOURCES ... [LINK ...] [LABELS ...])
#       a Catch2 test program, registered with CTest; the label `threaded` asks for a run under the thread sanitizer,
#       whose build makes only these tests: they and what they link are free of LibTorch
#   kvern_fuzzer(NAME SOURCES ... [LINK ...])
#       fuzz_NAME around LLVMFuzzerTestOneInput, its kept inputs in tests/fuzz/corpus/NAME. With KVERN_BUILD_FUZZERS a
#       libFuzzer program; else a test that replays the kept inputs. It and what it links are free of LibTorch.
# With -DCMAKE_UNITY_BUILD=ON, as continuous integration builds, libraries and programs compile several files as one: names in their
# unnamed namespaces are unique in the target. Entries of kvern_collect and tests are compiled one by one.

# One precompiled header for every target that uses LibTorch: made once, reused.
if(NOT KVERN_ONLY_PYTHON)
  add_library(kvern_pch OBJECT ${PROJECT_SOURCE_DIR}/core/torch/pch.cpp)
  target_include_directories(kvern_pch PUBLIC ${PROJECT_SOURCE_DIR}/core/include)
  target_link_libraries(kvern_pch PUBLIC kvern::torch)
  target_precompile_headers(kvern_pch PRIVATE ${PROJECT_SOURCE_DIR}/core/torch/torch.hpp)
endif()

function(_kvern_finish target torch)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  if(torch)
    target_link_libraries(${target} PUBLIC kvern::torch)
    # a program is built as the header was, not as position-independent executables usually are
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
    target_precompile_headers(${target} REUSE_FROM kvern_pch)
  endif()
endfunction()

function(kvern_library name)
  cmake_parse_arguments(A "TORCH" "" "SOURCES;LINK" ${ARGN})
  if(A_TORCH AND KVERN_ONLY_PYTHON)
    return()
  endif()
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
  cmake_parse_arguments(A "TORCH" "" "SOURCES;LINK;LABELS" ${ARGN})
  if(A_TORCH AND "threaded" IN_LIST A_LABELS)
    message(FATAL_ERROR "${name}: a test labelled `threaded` runs under the thread sanitizer and must not use LibTorch")
  endif()
  add_executable(${name} ${A_SOURCES})
  # last: of an inline function that several files hold the linker takes the first, and those of the main are unoptimised
  target_link_libraries(${name} PRIVATE ${A_LINK} kvern_test_main)
  _kvern_finish(${name} "${A_TORCH}")
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  add_test(NAME ${name} COMMAND ${name})
  _kvern_test_properties(${name} "${A_LABELS}")
  if("threaded" IN_LIST A_LABELS)
    add_dependencies(threaded_tests ${name})
  endif()
endfunction()

function(_kvern_test_properties name labels)
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 900 ENVIRONMENT
    "KVERN_SOURCE_DIR=${PROJECT_SOURCE_DIR};KVERN_BUILD_DIR=${PROJECT_BINARY_DIR}")
endfunction()

function(kvern_fuzzer name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  set(target fuzz_${name})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  if(KVERN_BUILD_FUZZERS)
    add_executable(${target} ${A_SOURCES})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
    add_dependencies(fuzzers ${target})
    file(APPEND ${PROJECT_BINARY_DIR}/fuzzers/list.txt "${name}\n")
  elseif(KVERN_BUILD_TESTS)
    add_executable(${target} ${A_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/fuzz_replay.cpp)
    add_test(NAME ${target} COMMAND ${target} ${corpus})
    _kvern_test_properties(${target} corpus)
  else()
    return()
  endif()
  target_link_libraries(${target} PRIVATE ${A_LINK})
  _kvern_finish(${target} "")
endfunction()

if(KVERN_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "KVERN_BUILD_FUZZERS needs clang (-DCMAKE_CXX_COMPILER=clang++), not ${CMAKE_CXX_COMPILER_ID}")
  endif()
  add_custom_target(fuzzers COMMENT "All fuzz targets are in fuzzers/, their names in fuzzers/list.txt")
  file(WRITE ${PROJECT_BINARY_DIR}/fuzzers/list.txt "")
endif()

if(KVERN_BUILD_TESTS)
  add_custom_target(threaded_tests COMMENT "All tests labelled `threaded` are built")
  add_custom_target(kvern_test_plugins COMMENT "All plugins that exist for tests are built")
  # Catch2's main, compiled once; tests include tests/support/test.hpp and never Catch2 itself
  add_library(kvern_test_main STATIC ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  target_include_directories(kvern_test_main PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(kvern_test_main PRIVATE -O0)  # thousands of lines that only report
  kvern_library(test_process
    SOURCES ${PROJECT_SOURCE_DIR}/tests/support/process.cpp ${PROJECT_SOURCE_DIR}/tests/support/child.cpp)
endif()

# Adds the folders of a list that have a CMakeLists.txt.
macro(kvern_add_folders)
  foreach(_folder ${ARGN})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${_folder}/CMakeLists.txt)
      add_subdirectory(${_folder})
    endif()
  endforeach()
endmacro()

# Options that hold for every target of the project.
option(KVERN_BUILD_TESTS "build the tests" ON)
option(KVERN_BUILD_FUZZERS "build the libFuzzer targets (clang only)" OFF)
option(KVERN_BUILD_PROGRAMS "build kvern and kvern-reference, what only they use, and the tests that run them" ON)
option(KVERN_ONLY_PYTHON "only the library of the Python package and the caches: without LibTorch and tests" OFF)
if(KVERN_ONLY_PYTHON)
  set(KVERN_BUILD_TESTS OFF)
  set(KVERN_LIBTORCH_VERSION none)  # the package says which one is in its process
endif()
set(KVERN_SANITIZE "" CACHE STRING "sanitizers for every target: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "build type" FORCE)
endif()

# One tree for programs and plugins, in the build folder as in an installation: bin/ and lib/kvern/plugins/.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(KVERN_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/kvern/plugins)
set(KVERN_TEST_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/kvern/test_plugins)

add_compile_options(-Wall -Wextra)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)  # a source file is taken for a header there
endif()
if(KVERN_SANITIZE)
  add_compile_options(-fsanitize=${KVERN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KVERN_SANITIZE})
  if(KVERN_SANITIZE MATCHES "address,undefined" AND NOT KVERN_BUILD_FUZZERS)
    # a quarter of the time; the address sanitizer sees most of what they look for, and the fuzz targets have them
    add_compile_options(-fno-sanitize=null,object-size,vptr,pointer-overflow)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # false alarms of instrumented code, in the standard library's too
  endif()
endif()
if(KVERN_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# kvern_add_plugin(NAME SOURCES ... [OUTPUT_DIRECTORY dir] [LINK ...]) makes lib<NAME>... a cache plugin: a module that
# exports one symbol, is never unloaded, resolves every symbol at load time and finds libraries only as its host does. C sources see
# the headers of the contract, C++ sources the SDK too. Without a build type it is optimised all the same.
# kvern_add_check(NAME [ARGUMENTS ...]), of an installed kvern: a test that runs the quick `kvern check` on it.
set(KVERN_PLUGIN_EXPORTS ${CMAKE_CURRENT_LIST_DIR}/plugin_exports.map)

function(kvern_add_plugin name)
  cmake_parse_arguments(A "" "OUTPUT_DIRECTORY" "SOURCES;LINK" ${ARGN})
  if(NOT A_OUTPUT_DIRECTORY)
    if(KVERN_PLUGIN_OUTPUT_DIRECTORY)
      set(A_OUTPUT_DIRECTORY ${KVERN_PLUGIN_OUTPUT_DIRECTORY})
    else()
      set(A_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    endif()
  endif()
  set(target kvern_cache_${name})
  add_library(${target} MODULE ${A_SOURCES})
  set(_cxx ${A_SOURCES})
  list(FILTER _cxx EXCLUDE REGEX "\\.c$")
  if(_cxx)
    target_link_libraries(${target} PRIVATE kvern::sdk ${A_LINK})
  else()
    target_link_libraries(${target} PRIVATE kvern::abi ${A_LINK})
  endif()
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    target_compile_options(${target} PRIVATE -O2)
  endif()
  set_target_properties(${target} PROPERTIES
    PREFIX lib SUFFIX .so OUTPUT_NAME kvern_${name}
    LIBRARY_OUTPUT_DIRECTORY ${A_OUTPUT_DIRECTORY}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    SKIP_BUILD_RPATH ON INSTALL_RPATH "" LINK_DEPENDS ${KVERN_PLUGIN_EXPORTS})
  target_link_options(${target} PRIVATE -Wl,-z,nodelete -Wl,-z,now -Wl,--version-script=${KVERN_PLUGIN_EXPORTS})
  if(NOT KVERN_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  # a verb of another signature
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-Werror=incompatible-pointer-types>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
endfunction()

function(kvern_add_check name)
  add_test(NAME check_${name} COMMAND kvern::kvern check $<TARGET_FILE:kvern_cache_${name}> --quick ${ARGN})
endfunction()

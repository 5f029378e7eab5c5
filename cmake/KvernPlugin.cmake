# kvern_add_plugin(NAME SOURCES ... [OUTPUT_DIRECTORY dir] [LINK ...]) makes lib<NAME>... a cache plugin: a module that
# exports one symbol, is never unloaded, resolves every symbol at load time and finds libraries only as its host does.
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
  target_link_libraries(${target} PRIVATE kvern::sdk ${A_LINK})
  set_target_properties(${target} PROPERTIES
    PREFIX lib SUFFIX .so OUTPUT_NAME kvern_${name}
    LIBRARY_OUTPUT_DIRECTORY ${A_OUTPUT_DIRECTORY}
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    SKIP_BUILD_RPATH ON INSTALL_RPATH "" LINK_DEPENDS ${KVERN_PLUGIN_EXPORTS})
  target_link_options(${target} PRIVATE -Wl,-z,nodelete -Wl,-z,now -Wl,--version-script=${KVERN_PLUGIN_EXPORTS})
  if(NOT KVERN_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
endfunction()

# kvern_collect(TARGET lib FOLDER dir TYPE Type SYMBOL prefix_ HEADER file TABLE function [NAMESPACE ns] [TEST program])
#   makes a table of what the files of a folder define, so that a new entry is a new file and no list is edited.
#   Each dir/NAME.cpp defines one object with external linkage, named after the file, that is constant at compile time:
#       extern constinit const Type prefix_NAME = {...};
#   (a struct with its name and function pointers, as a rule). HEADER, relative to the project, declares Type and the
#   table, in namespace NAMESPACE (kvern):
#       std::span<const Type *const> function();
#   in the order of the file names. The sources and a generated file with the table join TARGET. Files *_test.cpp of the
#   folder are no entries: they join the test program TEST where it is built. Call it after TARGET and TEST were made.
#   A file that defines no such object is an error of the linker, which names what it lacks.
function(kvern_collect)
  cmake_parse_arguments(A "" "TARGET;FOLDER;TYPE;SYMBOL;HEADER;TABLE;NAMESPACE;TEST" "" ${ARGN})
  foreach(needed TARGET FOLDER TYPE SYMBOL HEADER TABLE)
    if(NOT A_${needed})
      message(FATAL_ERROR "kvern_collect: ${needed} is missing")
    endif()
  endforeach()
  if(NOT TARGET ${A_TARGET})
    return()  # left out of this build
  endif()
  if(NOT A_NAMESPACE)
    set(A_NAMESPACE kvern)
  endif()
  _kvern_split_folder(${A_FOLDER} sources tests)
  _kvern_write_table(generated ${sources})
  target_sources(${A_TARGET} PRIVATE ${sources} ${generated})
  # entries of one kind give their local functions the same names
  set_source_files_properties(${sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  if(A_TEST AND TARGET ${A_TEST})
    target_sources(${A_TEST} PRIVATE ${tests})
  endif()
endfunction()

# The files of a folder: sources and tests. New and removed files are noticed by the next build.
function(_kvern_split_folder folder sources tests)
  file(GLOB all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  set(test_files ${all})
  list(FILTER test_files INCLUDE REGEX "_test\\.cpp$")
  list(FILTER all EXCLUDE REGEX "_test\\.cpp$")
  set(${sources} ${all} PARENT_SCOPE)
  set(${tests} ${test_files} PARENT_SCOPE)
endfunction()

# Writes the table of kvern_collect (its A_... are visible here); a file that would stay the same is left alone.
function(_kvern_write_table result)
  set(declarations)
  set(entries)
  foreach(source ${ARGN})
    get_filename_component(name ${source} NAME_WE)
    string(MAKE_C_IDENTIFIER ${name} name)
    string(APPEND declarations "extern const ${A_TYPE} ${A_SYMBOL}${name};\n")
    string(APPEND entries "    &${A_SYMBOL}${name},\n")
  endforeach()
  list(LENGTH ARGN n)
  set(path ${CMAKE_CURRENT_BINARY_DIR}/${A_FOLDER}_table.cpp)
  file(CONFIGURE OUTPUT ${path} @ONLY CONTENT
"// Generated from the names of the files in ${A_FOLDER}/: see cmake/KvernCollect.cmake.
#include <array>
#include <span>

#include \"${A_HEADER}\"

namespace ${A_NAMESPACE} {

${declarations}
std::span<const ${A_TYPE} *const> ${A_TABLE}() {
  static constinit const std::array<const ${A_TYPE} *, ${n}> entries = {
${entries}};
  return entries;
}

}  // namespace ${A_NAMESPACE}
")
  set(${result} ${path} PARENT_SCOPE)
endfunction()

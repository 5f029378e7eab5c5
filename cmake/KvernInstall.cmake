# What `cmake --install` puts where, and the target kvern_plugins. Included last: it takes what the folders have made.
#   bin/                      kvern, kvern-reference
#   lib/kvern/plugins/        the caches
#   lib/kvern/devices/        libkvern_cuda.so, where there was a CUDA compiler
#   lib/libkvern_python.so    the library of the Python package
#   lib/kvern/                libkvern_kernels.a, libkvern_check.a
#   lib/pkgconfig/            kvern.pc: the flags of a cache plugin
#   lib/cmake/kvern/          find_package(kvern): kvern::sdk, kvern::abi, kvern::kernels, kvern::check, kvern_add_plugin, kvern_add_check
#   include/kvern/            abi/, and the headers of the SDK, of the kernels and of the conformance kit
#   share/kvern/              models/demo, models/demo-draft, configs, templates of new-cache, examples
#   share/doc/kvern/          docs
# The tree can be moved: programs find their own things from where they are, and LibTorch by its absolute path.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The build folder has the same share/ as an installation.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/kvern/models)
foreach(_model demo demo-draft)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models/${_model} ${PROJECT_BINARY_DIR}/share/kvern/models/${_model} SYMBOLIC)
endforeach()
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/configs ${PROJECT_BINARY_DIR}/share/kvern/configs SYMBOLIC)

file(CREATE_LINK ${PROJECT_SOURCE_DIR}/sdk/templates ${PROJECT_BINARY_DIR}/share/kvern/templates SYMBOLIC)

# The modules of plugins/*/ that go where kvern looks for caches (a plugin made for a test does not).
function(_kvern_caches result)
  set(caches)
  get_property(folders DIRECTORY ${PROJECT_SOURCE_DIR}/plugins PROPERTY SUBDIRECTORIES)
  foreach(folder ${folders})
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
      get_target_property(type ${target} TYPE)
      get_target_property(output ${target} LIBRARY_OUTPUT_DIRECTORY)
      if(type STREQUAL "MODULE_LIBRARY" AND output STREQUAL KVERN_PLUGIN_OUTPUT_DIRECTORY)
        list(APPEND caches ${target})
      endif()
    endforeach()
  endforeach()
  set(${result} ${caches} PARENT_SCOPE)
endfunction()

add_custom_target(kvern_plugins)
_kvern_caches(_caches)
if(_caches)
  add_dependencies(kvern_plugins ${_caches})
  install(TARGETS ${_caches} LIBRARY DESTINATION lib/kvern/plugins)
endif()

if(TARGET kvern_device_cuda)
  install(TARGETS kvern_device_cuda LIBRARY DESTINATION lib/kvern/devices)
endif()

foreach(_program kvern kvern-reference)
  if(TARGET ${_program})
    install(TARGETS ${_program} RUNTIME DESTINATION bin)
  endif()
endforeach()

if(TARGET kvern_python)
  install(TARGETS kvern_python LIBRARY DESTINATION lib)
endif()

install(DIRECTORY core/include/kvern/abi DESTINATION include/kvern FILES_MATCHING PATTERN "*.h")
if(EXISTS ${PROJECT_SOURCE_DIR}/sdk/include)
  install(DIRECTORY sdk/include/ DESTINATION include FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
endif()

# #include "kernels/attention.hpp", as here
install(TARGETS kernels ARCHIVE DESTINATION lib/kvern LIBRARY DESTINATION lib)
install(DIRECTORY kernels DESTINATION include/kvern FILES_MATCHING PATTERN "*.hpp"
  PATTERN "bench" EXCLUDE PATTERN "simd" EXCLUDE PATTERN "test_support.hpp" EXCLUDE PATTERN "packed_case.hpp" EXCLUDE
  PATTERN "testing_matrix.hpp" EXCLUDE)

# #include "check/check.hpp", as here
install(TARGETS check ARCHIVE DESTINATION lib/kvern)
install(DIRECTORY check DESTINATION include/kvern FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY sdk/templates DESTINATION share/kvern)
install(DIRECTORY sdk/examples DESTINATION share/kvern FILES_MATCHING PATTERN "*.cpp" PATTERN "*_test.cpp" EXCLUDE)
install(DIRECTORY docs/ DESTINATION share/doc/kvern FILES_MATCHING PATTERN "*.md")

foreach(_folder models/demo models/demo-draft configs)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${_folder})
    install(DIRECTORY ${_folder}/ DESTINATION share/kvern/${_folder}
      FILES_MATCHING PATTERN "*.json" PATTERN "*.safetensors" PATTERN "*.toml" PATTERN "*.md")
  endif()
endforeach()
install(FILES LICENSE README.md DESTINATION share/doc/kvern)

configure_file(${PROJECT_SOURCE_DIR}/cmake/kvernConfig.cmake.in ${PROJECT_BINARY_DIR}/kvernConfig.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kvernConfigVersion.cmake COMPATIBILITY SameMajorVersion)
configure_file(${PROJECT_SOURCE_DIR}/cmake/kvern.pc.in ${PROJECT_BINARY_DIR}/kvern.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/kvern.pc DESTINATION lib/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/kvernConfig.cmake ${PROJECT_BINARY_DIR}/kvernConfigVersion.cmake
  cmake/KvernPlugin.cmake cmake/plugin_exports.map DESTINATION lib/cmake/kvern)

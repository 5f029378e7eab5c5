# LibTorch from the `torch` wheel, by imported targets of our own: find_package(Torch) asks for a CUDA toolkit and
# forces the CUDA libraries into everything that links it. scripts/setup.sh puts the wheel where this looks.
set(KVERN_LIBTORCH_VERSION 2.11.0)
if("$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(_kvern_cache $ENV{HOME}/.cache/kvern)
else()
  set(_kvern_cache $ENV{XDG_CACHE_HOME}/kvern)
endif()
set(KVERN_TORCH_DIR ${_kvern_cache}/libtorch-${KVERN_LIBTORCH_VERSION}/torch
    CACHE PATH "the torch folder of the unpacked wheel: include/ and lib/ inside")

if(NOT EXISTS ${KVERN_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no LibTorch in ${KVERN_TORCH_DIR}: run scripts/setup.sh, or set -DKVERN_TORCH_DIR=<torch folder of a torch ${KVERN_LIBTORCH_VERSION} wheel>")
endif()
file(READ ${KVERN_TORCH_DIR}/version.py _kvern_torch_version)
if(NOT _kvern_torch_version MATCHES "__version__ = '${KVERN_LIBTORCH_VERSION}")
  message(FATAL_ERROR "${KVERN_TORCH_DIR} is not torch ${KVERN_LIBTORCH_VERSION}: its version.py says otherwise")
endif()

foreach(_lib c10 torch_cpu)
  add_library(kvern_lib${_lib} SHARED IMPORTED GLOBAL)
  set_target_properties(kvern_lib${_lib} PROPERTIES IMPORTED_LOCATION ${KVERN_TORCH_DIR}/lib/lib${_lib}.so)
endforeach()
# Programs of the build folder have the RUNPATH of installed ones, LibTorch's folder alone. CMake pads the RUNPATH of a build with
# ':', and an empty entry is the working directory: `kvern --model .` would load libraries out of a downloaded folder.
set(CMAKE_INSTALL_RPATH ${KVERN_TORCH_DIR}/lib)
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)

add_library(kvern_torch INTERFACE)
add_library(kvern::torch ALIAS kvern_torch)
target_include_directories(kvern_torch SYSTEM INTERFACE ${KVERN_TORCH_DIR}/include)
target_link_libraries(kvern_torch INTERFACE kvern_libtorch_cpu kvern_libc10)
# the wheel's libtorch_cpu needs the CUDA runtime's library, found by its own RPATH beside the torch folder
target_link_options(kvern_torch INTERFACE -Wl,--allow-shlib-undefined)

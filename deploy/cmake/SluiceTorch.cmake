# LibTorch from PyPI's wheel, as the target sluice_torch; Gloo's headers from Debian.
# LIBTORCH_ROOT (variable or environment) names the folder that holds include/ and lib/.
if(NOT LIBTORCH_ROOT AND DEFINED ENV{LIBTORCH_ROOT})
  set(LIBTORCH_ROOT $ENV{LIBTORCH_ROOT})
endif()
if(NOT LIBTORCH_ROOT)
  set(LIBTORCH_ROOT ${PROJECT_SOURCE_DIR}/.deps/libtorch/torch)
endif()
set(LIBTORCH_ROOT ${LIBTORCH_ROOT} CACHE PATH "Folder with LibTorch's include/ and lib/")
find_library(TORCH_CPU_LIBRARY torch_cpu HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(C10_LIBRARY c10 HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
if(NOT TORCH_CPU_LIBRARY OR NOT C10_LIBRARY)
  message(FATAL_ERROR "LibTorch is not in '${LIBTORCH_ROOT}': run deploy/local.sh build, or set LIBTORCH_ROOT")
endif()
find_path(GLOO_INCLUDE_DIR gloo/config.h REQUIRED)

add_library(sluice_torch INTERFACE)
target_include_directories(sluice_torch SYSTEM INTERFACE
  ${LIBTORCH_ROOT}/include ${LIBTORCH_ROOT}/include/torch/csrc/api/include ${GLOO_INCLUDE_DIR})
target_compile_definitions(sluice_torch INTERFACE USE_C10D_GLOO USE_DISTRIBUTED)
target_link_libraries(sluice_torch INTERFACE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY})
target_link_options(sluice_torch INTERFACE -Wl,-rpath,${LIBTORCH_ROOT}/lib -Wl,--allow-shlib-undefined)

if(SLUICE_WITH_CUDA)
  find_package(CUDAToolkit 13.0 REQUIRED)
  find_library(TORCH_CUDA_LIBRARY torch_cuda HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH REQUIRED)
  find_library(C10_CUDA_LIBRARY c10_cuda HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH REQUIRED)
  find_library(NCCL_LIBRARY nccl REQUIRED)
  target_compile_definitions(sluice_torch INTERFACE SLUICE_WITH_CUDA USE_C10D_NCCL USE_CUDA)
  target_include_directories(sluice_torch SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
  # The CUDA library registers its kernels when it is loaded, so it stays linked although nothing names it.
  target_link_libraries(sluice_torch INTERFACE
    -Wl,--no-as-needed ${TORCH_CUDA_LIBRARY} ${C10_CUDA_LIBRARY} -Wl,--as-needed CUDA::cudart ${NCCL_LIBRARY})
endif()

# sluice_torch_library(name SOURCES … DEPS …): as sluice_library, with LibTorch's precompiled header.
function(sluice_torch_library name)
  sluice_library(${name} ${ARGN})
  target_link_libraries(${name} PUBLIC sluice_torch)
  sluice_use_torch_header(${name})
endfunction()

# One precompiled header serves all targets of ours that include LibTorch.
function(sluice_use_torch_header target)
  target_compile_options(${target} PRIVATE -fpch-preprocess -Wno-unknown-pragmas)
  if(NOT TARGET sluice_torch_header)
    file(WRITE ${PROJECT_BINARY_DIR}/torch_header.cc "// Owner of the precompiled header.\n")
    add_library(sluice_torch_header STATIC ${PROJECT_BINARY_DIR}/torch_header.cc)
    target_link_libraries(sluice_torch_header PUBLIC sluice_torch)
    sluice_warnings(sluice_torch_header)
    target_compile_options(sluice_torch_header PRIVATE -fpch-preprocess -Wno-unknown-pragmas)
    target_precompile_headers(sluice_torch_header PRIVATE <torch/torch.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM sluice_torch_header)
endfunction()

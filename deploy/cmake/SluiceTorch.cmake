# LibTorch from PyPI's wheel, as the target sluice_torch; Gloo's headers from Debian.
# LIBTORCH_ROOT (variable or environment) names the folder that holds include/ and lib/.
if(NOT LIBTORCH_ROOT AND DEFINED ENV{LIBTORCH_ROOT})
  set(LIBTORCH_ROOT $ENV{LIBTORCH_ROOT})
endif()
if(NOT LIBTORCH_ROOT)
  set(LIBTORCH_ROOT ${PROJECT_SOURCE_DIR}/.deps/libtorch/torch)
endif()
set(LIBTORCH_ROOT ${LIBTORCH_ROOT} CACHE PATH "Folder with LibTorch's include/ and lib/")
# Not cached: another LIBTORCH_ROOT takes effect when CMake runs again.
foreach(library torch_cpu c10)
  string(TOUPPER ${library}_LIBRARY variable)
  find_library(${variable} ${library} HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH NO_CACHE)
  if(NOT ${variable})
    message(FATAL_ERROR
      "lib${library}.so is not in '${LIBTORCH_ROOT}/lib': run deploy/local.sh build, or set LIBTORCH_ROOT")
  endif()
endforeach()
find_path(GLOO_INCLUDE_DIR gloo/config.h REQUIRED)

add_library(sluice_torch INTERFACE)
target_include_directories(sluice_torch SYSTEM INTERFACE
  ${LIBTORCH_ROOT}/include ${LIBTORCH_ROOT}/include/torch/csrc/api/include ${GLOO_INCLUDE_DIR})
target_compile_definitions(sluice_torch INTERFACE USE_C10D_GLOO USE_DISTRIBUTED)
target_link_libraries(sluice_torch INTERFACE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY})
# LibTorch names libraries that are found, or not needed, at run time: cuBLAS, cuDNN, cuSPARSELt, NVSHMEM.
target_link_options(sluice_torch INTERFACE -Wl,--allow-shlib-undefined)

if(SLUICE_WITH_CUDA)
  find_package(CUDAToolkit 13.0 REQUIRED)
  if(NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 89 90)
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    # CMake 3.25 does not know that nvcc has C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  endif()
  find_library(TORCH_CUDA_LIBRARY torch_cuda HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH NO_CACHE REQUIRED)
  find_library(C10_CUDA_LIBRARY c10_cuda HINTS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH NO_CACHE REQUIRED)
  # NCCL may lie beside the toolkit, in a folder of its own (NCCL_ROOT) or in the system's.
  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS} REQUIRED)
  find_library(NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_ROOT} PATH_SUFFIXES lib REQUIRED)
  target_compile_definitions(sluice_torch INTERFACE SLUICE_WITH_CUDA USE_C10D_NCCL USE_CUDA)
  target_include_directories(sluice_torch SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS} ${NCCL_INCLUDE_DIR})
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
  # An executable would be compiled with -fPIE, and a header made with -fPIC would not serve it.
  target_compile_options(${target} PRIVATE -fPIC -fpch-preprocess -Wno-unknown-pragmas)
  if(NOT TARGET sluice_torch_header)
    file(WRITE ${PROJECT_BINARY_DIR}/torch_header.cc "// Owner of the precompiled header.\n")
    add_library(sluice_torch_header STATIC ${PROJECT_BINARY_DIR}/torch_header.cc)
    target_link_libraries(sluice_torch_header PUBLIC sluice_torch)
    sluice_warnings(sluice_torch_header)
    target_compile_options(sluice_torch_header PRIVATE -fpch-preprocess -Wno-unknown-pragmas)
    target_precompile_headers(sluice_torch_header PRIVATE ${PROJECT_SOURCE_DIR}/worker/torch.h)
  endif()
  target_precompile_headers(${target} REUSE_FROM sluice_torch_header)
endfunction()

#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/device.h"

namespace sluice::kernels::cuda {

// The block of device.h on the GPU.
struct DeviceBlock {
  int thread = threadIdx.x, threads = blockDim.x;
  int block = blockIdx.x, blocks = gridDim.x;

  SLUICE_DEVICE void Sync() { __syncthreads(); }

  template <typename T>
  SLUICE_DEVICE T ShuffleDown(T value, int by) {
    return __shfl_down_sync(0xffffffffu, value, by);
  }
  template <typename T>
  SLUICE_DEVICE T ShuffleXor(T value, int mask) {
    return __shfl_xor_sync(0xffffffffu, value, mask);
  }

  template <typename T>
  SLUICE_DEVICE void AtomicAdd(T* to, T value) {
    atomicAdd(to, value);
  }
  SLUICE_DEVICE void AtomicAdd(uint64_t* to, uint64_t value) {
    atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
  }
};

// Blocks for `count` pieces of work; bodies take more than one if there are more pieces.
inline unsigned BlocksFor(int64_t count) {
  return static_cast<unsigned>(std::min<int64_t>(count, int64_t{1} << 20));
}

inline const char* TextOf(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace sluice::kernels::cuda

#pragma once

// What a kernel body may use besides plain C++. A body is a template over the block it runs in:
//
//   template <class Block>
//   SLUICE_DEVICE void SomethingBody(Block& block, SomethingShared& shared, const SomethingArgs& a)
//
// nvcc compiles it into a __global__ function with DeviceBlock (device_block.cuh), the C++ compiler
// into tests with HostBlock (tests/kernels/block_harness.h), which runs the lanes one by one.
//
//   block.thread, block.threads   lane and their number, a multiple of 32 and at most 1024
//   block.block, block.blocks     block and their number
//   block.Sync()                  barrier of the block; all lanes must come to the same one
//   block.ShuffleDown(v, by)      v of the lane `by` further in the warp, the own one at its end
//   block.ShuffleXor(v, mask)     v of the lane whose number differs in the bits of `mask`; both
//                                 need all 32 lanes of the warp
//   block.AtomicAdd(to, v)        *to += v for lanes and blocks that add to the same place
#ifdef __CUDACC__
#define SLUICE_DEVICE __device__ __forceinline__
#else
#define SLUICE_DEVICE inline
#endif

namespace sluice::kernels::cuda {

inline constexpr int kWarp = 32;

// Threads for rows of `columns` values: whole warps, enough that each has one value if that is
// possible within a block of 256.
constexpr int ThreadsFor(long long columns) {
  if (columns >= 256) return 256;
  return columns <= kWarp ? kWarp : static_cast<int>((columns + kWarp - 1) / kWarp * kWarp);
}

}  // namespace sluice::kernels::cuda

#include "kernels/cuda/device_block.cuh"
#include "kernels/cuda/rows_body.h"

namespace sluice::kernels::cuda {
namespace {

constexpr int kInverseThreads = 256;

__global__ void __launch_bounds__(256) RowCompactKernel(RowCompactArgs args) {
  DeviceBlock block;
  RowCompactBody(block, args);
}

__global__ void __launch_bounds__(kInverseThreads) RowInverseKernel(RowInverseArgs args) {
  DeviceBlock block;
  RowInverseBody(block, args);
}

__global__ void __launch_bounds__(256) RowScatterKernel(RowScatterArgs args) {
  DeviceBlock block;
  RowScatterBody(block, args);
}

}  // namespace

const char* LaunchRowCompact(const RowCompactArgs& args, Stream stream) {
  if (args.count == 0) return nullptr;
  RowCompactKernel<<<BlocksFor(args.count), ThreadsFor(args.columns), 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

const char* LaunchRowInverse(const RowInverseArgs& args, Stream stream) {
  if (args.rows == 0) return nullptr;
  // -1 is all bits.
  const size_t bytes = static_cast<size_t>(args.rows) * sizeof(int64_t);
  const cudaError_t error = cudaMemsetAsync(args.inverse, 0xff, bytes, stream);
  if (error != cudaSuccess || args.count == 0) return TextOf(error);
  const unsigned blocks = BlocksFor((args.count + kInverseThreads - 1) / kInverseThreads);
  RowInverseKernel<<<blocks, kInverseThreads, 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

const char* LaunchRowScatter(const RowScatterArgs& args, Stream stream) {
  if (args.rows == 0) return nullptr;
  RowScatterKernel<<<BlocksFor(args.rows), ThreadsFor(args.columns), 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

}  // namespace sluice::kernels::cuda

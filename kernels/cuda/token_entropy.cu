#include "kernels/cuda/device_block.cuh"
#include "kernels/cuda/token_entropy_body.h"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) TokenEntropyKernel(TokenEntropyArgs args) {
  __shared__ TokenEntropyShared shared;
  DeviceBlock block;
  TokenEntropyBody(block, shared, args);
}

}  // namespace

int64_t TokenEntropyScratch(const TokenEntropyShape& shape) {
  return shape.images * (3 * shape.tokens + shape.classes);
}

const char* LaunchTokenEntropy(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                               const float* logits, const TokenEntropyOutput<float>& output,
                               float* scratch, Stream stream) {
  if (shape.images == 0) return nullptr;
  const TokenEntropyArgs args = MakeTokenEntropyArgs(shape, options, logits, output, scratch);
  TokenEntropyKernel<<<BlocksFor(shape.images), kThreads, 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

}  // namespace sluice::kernels::cuda

#include "kernels/cuda/attention_entropy_body.h"
#include "kernels/cuda/device_block.cuh"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = kQueryTile * kWarp;

__global__ void __launch_bounds__(kThreads) AttentionEntropyKernel(AttentionEntropyArgs args) {
  __shared__ AttentionEntropyShared shared;
  DeviceBlock block;
  AttentionEntropyBody(block, shared, args);
}

}  // namespace

const char* LaunchAttentionEntropy(const AttentionEntropyArgs& args, Stream stream) {
  const int64_t queries = args.shape.tokens - args.shape.first_query;
  const int64_t heads = args.shape.images * args.shape.heads;
  if (heads == 0 || queries <= 0) return nullptr;
  const unsigned blocks = BlocksFor(heads * ((queries + kQueryTile - 1) / kQueryTile));
  AttentionEntropyKernel<<<blocks, kThreads, 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

}  // namespace sluice::kernels::cuda

#include "kernels/cuda/device_block.cuh"
#include "kernels/cuda/fp8_body.h"

namespace sluice::kernels::cuda {
namespace {

__global__ void __launch_bounds__(256) Fp8PackKernel(Fp8PackArgs args) {
  __shared__ Fp8Shared shared;
  DeviceBlock block;
  Fp8PackBody(block, shared, args);
}

__global__ void __launch_bounds__(256) Fp8UnpackKernel(Fp8UnpackArgs args) {
  DeviceBlock block;
  Fp8UnpackBody(block, args);
}

}  // namespace

const char* LaunchFp8Pack(const Fp8PackArgs& args, Stream stream) {
  if (args.rows == 0) return nullptr;
  Fp8PackKernel<<<BlocksFor(args.rows), ThreadsFor(args.columns), 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

const char* LaunchFp8Unpack(const Fp8UnpackArgs& args, Stream stream) {
  if (args.rows == 0) return nullptr;
  Fp8UnpackKernel<<<BlocksFor(args.rows), ThreadsFor(args.columns), 0, stream>>>(args);
  return TextOf(cudaGetLastError());
}

}  // namespace sluice::kernels::cuda

#pragma once

#include <cstdint>

#include "kernels/attention_entropy.h"
#include "kernels/token_entropy.h"

struct CUstream_st;

// The CUDA versions of this folder's parent, whose headers say what they compute. No machine that
// Sluice is tested on has a GPU: nvcc compiles them, and their bodies
// (*_body.h) run in tests on a host harness, the launchers never.
namespace sluice::kernels::cuda {

// cudaStream_t, without CUDA's header.
using Stream = CUstream_st*;

struct Fp8PackArgs {
  const float* x;  // [rows, columns]
  int64_t rows, columns;
  uint8_t* codes;  // [rows, columns]
  float* scales;   // [rows]
};

struct Fp8UnpackArgs {
  const uint8_t* codes;  // [rows, columns]
  const float* scales;   // [rows]
  int64_t rows, columns;
  float* x;  // [rows, columns]
};

// Indices are not checked on the device.
struct RowCompactArgs {
  const float* x;  // [.., columns]
  int64_t columns;
  const int64_t* index;  // [count]
  int64_t count;
  float* out;  // [count, columns]
};

struct RowInverseArgs {
  const int64_t* index;  // [count]
  int64_t count;
  int64_t rows;
  int64_t* inverse;  // [rows]
};

struct RowScatterArgs {
  const float* grad;  // [count, columns]
  int64_t columns;
  const int64_t* inverse;  // [rows]
  int64_t rows;
  float* out;  // [rows, columns]
};

struct AttentionEntropyArgs {
  AttentionShape shape;
  const float* q;
  const float* k;
  float* entropy;  // [images, heads, queries]
};

// Each puts its work onto `stream` of the current device and returns at once: null, or CUDA's words
// for why it could not be launched. All pointers are device memory, which must stay until the
// stream is through. Thread-safe.
const char* LaunchFp8Pack(const Fp8PackArgs& args, Stream stream);
const char* LaunchFp8Unpack(const Fp8UnpackArgs& args, Stream stream);
const char* LaunchRowCompact(const RowCompactArgs& args, Stream stream);
const char* LaunchRowInverse(const RowInverseArgs& args, Stream stream);
const char* LaunchRowScatter(const RowScatterArgs& args, Stream stream);
const char* LaunchAttentionEntropy(const AttentionEntropyArgs& args, Stream stream);
// `scratch` has TokenEntropyScratch floats. What `output` points to is device memory too, its sums
// included; their last bits depend on the order in which blocks end.
int64_t TokenEntropyScratch(const TokenEntropyShape& shape);
const char* LaunchTokenEntropy(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                               const float* logits, const TokenEntropyOutput<float>& output,
                               float* scratch, Stream stream);

}  // namespace sluice::kernels::cuda

#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.h"

// Bodies of kernels/fp8.h, which says what they compute: one block for each row.
namespace sluice::kernels::cuda {

struct Fp8Shared {
  WarpSlots<uint32_t> most;
};

SLUICE_DEVICE uint32_t BitsOf(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

SLUICE_DEVICE float FloatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

// The code nearest to a finite `y` of at most 448.
SLUICE_DEVICE uint8_t Fp8Encode(float y) {
  const uint32_t sign = BitsOf(y) >> 24 & 0x80u, magnitude = BitsOf(y) & 0x7fffffffu;
  if (magnitude < 0x3c800000u) {
    // Under 2^-6: the addition rounds to multiples of 2^-9, the step of float32 from 2^14 on.
    return static_cast<uint8_t>(sign | (BitsOf(FloatOf(magnitude) + 16384.0f) - 0x46800000u));
  }
  const uint32_t odd = magnitude >> 20 & 1u;
  const uint32_t code = ((magnitude + 0x7ffffu + odd) >> 20) - (120u << 3);
  return static_cast<uint8_t>(sign | (code > 0x7eu ? 0x7eu : code));
}

SLUICE_DEVICE float Fp8Decode(uint8_t code) {
  const uint32_t sign = (code & 0x80u) << 24, magnitude = code & 0x7fu;
  if (magnitude == 0x7fu) return FloatOf(0x7fc00000u);
  const float value = magnitude < 8u ? static_cast<float>(magnitude) * 0x1p-9f
                                     : FloatOf((magnitude << 20) + (120u << 23));
  return FloatOf(BitsOf(value) | sign);
}

template <class Block>
SLUICE_DEVICE void Fp8PackBody(Block& block, Fp8Shared& shared, const Fp8PackArgs& a) {
  constexpr uint32_t kInfinity = 0x7f800000u, kNan = 0x7fc00000u;
  constexpr float kLeastNormal = 0x1p-126f;
  for (int64_t r = block.block; r < a.rows; r += block.blocks) {
    const float* x = a.x + r * a.columns;
    // Magnitudes are ordered as their bits are; those of what is not finite are above all others.
    uint32_t most = 0;
    for (int64_t c = block.thread; c < a.columns; c += block.threads) {
      const uint32_t bits = BitsOf(x[c]) & 0x7fffffffu;
      most = bits > most ? bits : most;
    }
    most =
        BlockReduce(block, shared.most, most, [](uint32_t p, uint32_t q) { return p > q ? p : q; });
    const bool finite = most < kInfinity;
    const float divided = FloatOf(most) / 448.0f;
    const float scale = divided < kLeastNormal ? 1.0f : divided;
    const float inverse = 1.0f / scale;
    for (int64_t c = block.thread; c < a.columns; c += block.threads) {
      a.codes[r * a.columns + c] = finite ? Fp8Encode(x[c] * inverse) : uint8_t{0x7f};
    }
    if (block.thread == 0) a.scales[r] = finite ? scale : FloatOf(kNan);
  }
}

template <class Block>
SLUICE_DEVICE void Fp8UnpackBody(Block& block, const Fp8UnpackArgs& a) {
  for (int64_t r = block.block; r < a.rows; r += block.blocks) {
    for (int64_t c = block.thread; c < a.columns; c += block.threads) {
      a.x[r * a.columns + c] = Fp8Decode(a.codes[r * a.columns + c]) * a.scales[r];
    }
  }
}

}  // namespace sluice::kernels::cuda

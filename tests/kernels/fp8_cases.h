#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/fp8.h"

namespace sluice::kernels {

// One implementation of Fp8Pack and Fp8Unpack; all of them run the same cases.
struct Fp8Implementation {
  std::function<void(const float* x, int64_t rows, int64_t columns, uint8_t* out, float* scales)>
      pack;
  std::function<void(const uint8_t* codes, const float* scales, int64_t rows, int64_t columns,
                     float* out)>
      unpack;
};

// In plain loops, through Fp8Value and Fp8Nearest.
extern const Fp8Implementation kFp8Reference;

// Packed rows as one implementation left them.
struct Fp8Packed {
  std::vector<uint8_t> codes;
  std::vector<float> scales;
};

Fp8Packed PackWith(const Fp8Implementation& implementation, const std::vector<float>& x,
                   int64_t columns);

// Expects, of finite values, the codes and scales of the reference, to the bit.
void ExpectPacksLikeReference(const Fp8Implementation& implementation, const std::vector<float>& x,
                              int64_t columns);

// A value of every code, of every place between two codes where rounding turns, of zeros and of a
// grid over all of float32 up to 448, both signs; with 448 in front, so that the scale is 1.
std::vector<float> Fp8Grid(uint32_t step);

void Fp8UnpacksEveryCode(const Fp8Implementation& implementation);
void Fp8RoundsToNearestEven(const Fp8Implementation& implementation);
void Fp8PacksTheGrid(const Fp8Implementation& implementation, uint32_t step);
void Fp8PacksRowsOfEverySizeAndMagnitude(const Fp8Implementation& implementation);
void Fp8MarksRowsThatAreNotFinite(const Fp8Implementation& implementation);
void Fp8ComesBackWithinHalfAStep(const Fp8Implementation& implementation);
void Fp8WritesNothingBesideItsRows(const Fp8Implementation& implementation);

inline void RunFp8Cases(const Fp8Implementation& implementation, uint32_t grid_step) {
  Fp8UnpacksEveryCode(implementation);
  Fp8RoundsToNearestEven(implementation);
  Fp8PacksTheGrid(implementation, grid_step);
  Fp8PacksRowsOfEverySizeAndMagnitude(implementation);
  Fp8MarksRowsThatAreNotFinite(implementation);
  Fp8ComesBackWithinHalfAStep(implementation);
  Fp8WritesNothingBesideItsRows(implementation);
}

}  // namespace sluice::kernels

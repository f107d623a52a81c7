#pragma once

#include <cstdint>

namespace sluice::kernels {

// Eight-bit floating point with 4 bits of exponent and 3 of mantissa, e4m3 (Micikevicius et al.,
// "FP8 formats for deep learning", 2022; OCP 8-bit floating point specification 1.0): bias 7,
// largest value 448, subnormals in steps of 2^-9, no infinities, NaN is 0x7f and 0xff.
inline constexpr float kMostFp8 = 448.0f;

// Packs x [rows, columns] into codes [rows, columns] with a scale for each row, its largest
// magnitude over 448; x is about scale * value of its code, rounded to nearest, ties to even.
// - A row whose scale would be less than the least normal float has scale 1 (all codes are 0).
// - A row with a value that is not finite has scale NaN and codes 0x7f: it comes back as NaN.
// Runs with the widest vectors of the processor, with the same result on all. Thread-safe on
// disjoint rows.
void Fp8Pack(const float* x, int64_t rows, int64_t columns, uint8_t* codes, float* scales);

// x [rows, columns]: the codes' values times their row's scale.
void Fp8Unpack(const uint8_t* codes, const float* scales, int64_t rows, int64_t columns, float* x);

// The plain reference. Value of a code, NaN for 0x7f and 0xff.
double Fp8Value(uint8_t code);
// The code whose value is nearest; of two as near the one with an even mantissa; beyond 448 that of
// 448; 0x7f for NaN.
uint8_t Fp8Nearest(double value);

}  // namespace sluice::kernels

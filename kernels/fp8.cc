#include "kernels/fp8.h"

#include <cmath>
#include <cstring>
#include <limits>

// Highway compiles what stands between the markers once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fp8.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::RebindToSigned<Floats>;
using Codes = hn::Rebind<uint8_t, Words>;

// Calls `whole(i)` for each vector of `count` values, and `part(i, n)` for n < lanes at the end.
template <typename Whole, typename Part>
HWY_INLINE void ForVectors(int64_t count, Whole whole, Part part) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) whole(i);
  if (i < count) part(i, count - i);
}

// Bits of the largest magnitude; those of NaN and infinity are above all others.
int32_t MostBits(const float* x, int64_t count) {
  const Words words;
  const auto magnitude = hn::Set(words, 0x7fffffff);
  auto most = hn::Zero(words);
  const auto take = [&](const float* from) {
    const auto bits = hn::BitCast(words, hn::LoadU(Floats(), from));
    most = hn::Max(most, hn::And(bits, magnitude));
  };
  ForVectors(
      count, [&](int64_t i) { take(x + i); },
      [&](int64_t i, int64_t n) {
        float last[HWY_LANES(float)] = {};
        std::memcpy(last, x + i, sizeof(float) * n);
        take(last);
      });
  return hn::GetLane(hn::MaxOfLanes(words, most));
}

void PackRow(const float* x, int64_t count, float inverse, uint8_t* codes) {
  const Floats floats;
  const Words words;
  const auto scale = hn::Set(floats, inverse), most = hn::Set(floats, kMostFp8);
  // The sum of a value under 2^-6 and 2^14 has steps of 2^-9: the addition rounds to subnormals.
  const auto step = hn::Set(floats, 16384.0f), least_normal = hn::Set(floats, 0x1p-6f);
  const auto half = hn::Set(words, 0x7ffff), one = hn::Set(words, 1);
  const auto bias = hn::Set(words, (127 - 7) << 3);
  const auto pack = [&](const float* from, uint8_t* to) {
    const auto y = hn::Mul(hn::LoadU(floats, from), scale);
    const auto magnitude = hn::Min(hn::Abs(y), most);
    const auto bits = hn::BitCast(words, magnitude);
    // Up by half of the last place that stays, less one if that place is even.
    const auto odd = hn::And(hn::ShiftRight<20>(bits), one);
    const auto rounded = hn::ShiftRight<20>(hn::Add(bits, hn::Add(half, odd)));
    const auto normal = hn::Sub(rounded, bias);
    const auto subnormal =
        hn::Sub(hn::BitCast(words, hn::Add(magnitude, step)), hn::BitCast(words, step));
    const auto small = hn::RebindMask(words, hn::Lt(magnitude, least_normal));
    const auto sign = hn::And(hn::ShiftRight<24>(hn::BitCast(words, y)), hn::Set(words, 0x80));
    const auto code = hn::Or(hn::IfThenElse(small, subnormal, normal), sign);
    hn::StoreU(hn::DemoteTo(Codes(), code), Codes(), to);
  };
  ForVectors(
      count, [&](int64_t i) { pack(x + i, codes + i); },
      [&](int64_t i, int64_t n) {
        float last[HWY_LANES(float)] = {};
        uint8_t packed[HWY_LANES(float)];
        std::memcpy(last, x + i, sizeof(float) * n);
        pack(last, packed);
        std::memcpy(codes + i, packed, n);
      });
}

void UnpackRow(const uint8_t* codes, int64_t count, float row_scale, float* x) {
  const Floats floats;
  const Words words;
  const auto scale = hn::Set(floats, row_scale), step = hn::Set(floats, 0x1p-9f);
  const auto bias = hn::Set(words, (127 - 7) << 23), magnitude = hn::Set(words, 0x7f);
  const auto nan = hn::Set(floats, std::numeric_limits<float>::quiet_NaN());
  const auto unpack = [&](const uint8_t* from, float* to) {
    const auto code = hn::PromoteTo(words, hn::LoadU(Codes(), from));
    const auto low = hn::And(code, magnitude);
    const auto normal = hn::BitCast(floats, hn::Add(hn::ShiftLeft<20>(low), bias));
    const auto subnormal = hn::Mul(hn::ConvertTo(floats, low), step);
    const auto small = hn::RebindMask(floats, hn::Lt(low, hn::Set(words, 8)));
    const auto bad = hn::RebindMask(floats, hn::Eq(low, magnitude));
    auto value = hn::IfThenElse(bad, nan, hn::IfThenElse(small, subnormal, normal));
    const auto sign = hn::ShiftLeft<24>(hn::AndNot(magnitude, code));
    value = hn::Or(value, hn::BitCast(floats, sign));
    hn::StoreU(hn::Mul(value, scale), floats, to);
  };
  ForVectors(
      count, [&](int64_t i) { unpack(codes + i, x + i); },
      [&](int64_t i, int64_t n) {
        uint8_t last[HWY_LANES(float)] = {};
        float values[HWY_LANES(float)];
        std::memcpy(last, codes + i, n);
        unpack(last, values);
        std::memcpy(x + i, values, sizeof(float) * n);
      });
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::kernels {

HWY_EXPORT(MostBits);
HWY_EXPORT(PackRow);
HWY_EXPORT(UnpackRow);

namespace {

constexpr int32_t kInfinityBits = 0x7f800000;
constexpr uint8_t kNan = 0x7f;

}  // namespace

void Fp8Pack(const float* x, int64_t rows, int64_t columns, uint8_t* codes, float* scales) {
  for (int64_t r = 0; r < rows; ++r, x += columns, codes += columns) {
    const int32_t bits = HWY_DYNAMIC_DISPATCH(MostBits)(x, columns);
    if (bits >= kInfinityBits) {
      scales[r] = std::numeric_limits<float>::quiet_NaN();
      std::memset(codes, kNan, columns);
      continue;
    }
    float most = 0.0f;
    std::memcpy(&most, &bits, sizeof(most));
    const float scale = most / kMostFp8;
    scales[r] = scale < std::numeric_limits<float>::min() ? 1.0f : scale;
    HWY_DYNAMIC_DISPATCH(PackRow)(x, columns, 1.0f / scales[r], codes);
  }
}

void Fp8Unpack(const uint8_t* codes, const float* scales, int64_t rows, int64_t columns, float* x) {
  for (int64_t r = 0; r < rows; ++r, x += columns, codes += columns)
    HWY_DYNAMIC_DISPATCH(UnpackRow)(codes, columns, scales[r], x);
}

double Fp8Value(uint8_t code) {
  const int magnitude = code & 0x7f, exponent = magnitude >> 3, mantissa = magnitude & 7;
  if (magnitude == kNan) return std::numeric_limits<double>::quiet_NaN();
  const double value =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return (code & 0x80) != 0 ? -value : value;
}

uint8_t Fp8Nearest(double value) {
  if (std::isnan(value)) return kNan;
  const double magnitude = std::abs(value);
  uint8_t best = 0;
  for (uint8_t code = 1; code < kNan; ++code) {
    const double nearer =
        std::abs(Fp8Value(best) - magnitude) - std::abs(Fp8Value(code) - magnitude);
    if (nearer > 0.0 || (nearer == 0.0 && code % 2 == 0)) best = code;
  }
  return std::signbit(value) ? best | 0x80 : best;
}

}  // namespace sluice::kernels
#endif  // HWY_ONCE

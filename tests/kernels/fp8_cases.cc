#include "tests/kernels/fp8_cases.h"

#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace sluice::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

uint32_t Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

float FromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

std::vector<float> UnpackWith(const Fp8Implementation& implementation, const Fp8Packed& packed) {
  const auto rows = static_cast<int64_t>(packed.scales.size());
  std::vector<float> out(packed.codes.size(), -1.0f);
  implementation.unpack(packed.codes.data(), packed.scales.data(), rows,
                        static_cast<int64_t>(out.size()) / rows, out.data());
  return out;
}

// The definition in the header, in plain loops.
void PackReference(const float* x, int64_t rows, int64_t columns, uint8_t* out, float* scales) {
  for (int64_t r = 0; r < rows; ++r, x += columns, out += columns) {
    double most = 0.0;
    bool finite = true;
    for (int64_t i = 0; i < columns; ++i) {
      finite = finite && std::isfinite(x[i]);
      most = std::max(most, std::abs(double{x[i]}));
    }
    // Quotients and products of float32 that are rounded to float64 first still round to float32 as
    // if they had not been: 53 >= 2 * 24 + 2 bits.
    const auto scale = static_cast<float>(most / kMostFp8);
    scales[r] = !finite ? kNan : scale < FLT_MIN ? 1.0f : scale;
    const double inverse = static_cast<float>(1.0 / scales[r]);
    for (int64_t i = 0; i < columns; ++i) {
      out[i] = finite ? Fp8Nearest(static_cast<float>(x[i] * inverse)) : uint8_t{0x7f};
    }
  }
}

void UnpackReference(const uint8_t* codes, const float* scales, int64_t rows, int64_t columns,
                     float* out) {
  for (int64_t i = 0; i < rows * columns; ++i) {
    out[i] = static_cast<float>(Fp8Value(codes[i]) * scales[i / columns]);
  }
}

// Rows of normally distributed values, row r of them around 10^(r mod 3 - 1) * magnitude.
std::vector<float> Normal(uint32_t seed, int64_t rows, int64_t columns, float magnitude) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x;
  for (int64_t i = 0; i < rows * columns; ++i) {
    x.push_back(std::pow(10.0f, static_cast<float>(i / columns % 3 - 1)) * magnitude *
                normal(random));
  }
  return x;
}

}  // namespace

const Fp8Implementation kFp8Reference{PackReference, UnpackReference};

Fp8Packed PackWith(const Fp8Implementation& implementation, const std::vector<float>& x,
                   int64_t columns) {
  const int64_t rows = static_cast<int64_t>(x.size()) / columns;
  Fp8Packed packed{std::vector<uint8_t>(x.size(), 0x55),
                   std::vector<float>(static_cast<size_t>(rows), -1.0f)};
  implementation.pack(x.data(), rows, columns, packed.codes.data(), packed.scales.data());
  return packed;
}

void ExpectPacksLikeReference(const Fp8Implementation& implementation, const std::vector<float>& x,
                              int64_t columns) {
  const Fp8Packed got = PackWith(implementation, x, columns);
  const Fp8Packed expected = PackWith(kFp8Reference, x, columns);
  ASSERT_EQ(got.scales, expected.scales) << "columns " << columns;
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(int{got.codes[i]}, int{expected.codes[i]})
        << "x[" << i << "] = " << std::hexfloat << x[i] << " in rows of " << columns;
  }
}

std::vector<float> Fp8Grid(uint32_t step) {
  std::vector<float> magnitudes = {0.0f, FLT_MIN, FromBits(1), 0x1p-10f, 0x1p-11f};
  for (int code = 0; code < 0x7e; ++code) {
    const auto low = static_cast<float>(Fp8Value(static_cast<uint8_t>(code)));
    const auto high = static_cast<float>(Fp8Value(static_cast<uint8_t>(code + 1)));
    const float middle = (low + high) / 2;
    for (const float x : {low, middle, high}) {
      magnitudes.insert(magnitudes.end(), {std::nextafter(x, 0.0f), x});
      if (x < kMostFp8) magnitudes.push_back(std::nextafter(x, kMostFp8));
    }
  }
  for (uint32_t bits = 0; bits <= Bits(kMostFp8); bits += step)
    magnitudes.push_back(FromBits(bits));
  std::vector<float> grid = {kMostFp8};
  for (const float x : magnitudes) grid.insert(grid.end(), {x, -x});
  return grid;
}

void Fp8UnpacksEveryCode(const Fp8Implementation& implementation) {
  Fp8Packed every;
  for (const float scale : {1.0f, 0.37f, 0x1p-126f, 1e35f}) {
    for (int code = 0; code < 256; ++code) every.codes.push_back(static_cast<uint8_t>(code));
    every.scales.push_back(scale);
  }
  const std::vector<float> got = UnpackWith(implementation, every);
  const std::vector<float> expected = UnpackWith(kFp8Reference, every);
  for (size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "code " << i % 256 << " times " << every.scales[i / 256]);
    ASSERT_EQ(std::isnan(got[i]), i % 128 == 0x7f);
    if (!std::isnan(expected[i])) {
      ASSERT_EQ(got[i], expected[i]);
      ASSERT_EQ(std::signbit(got[i]), std::signbit(expected[i]));
    }
  }
}

// Written down by hand: halves go to the even code in normal and subnormal numbers.
void Fp8RoundsToNearestEven(const Fp8Implementation& implementation) {
  const std::vector<float> x = {448.0f,   432.0f,    431.9f,  1.0625f,  1.1875f,  1.0625001f,
                                0x1p-10f, 3e-3f,     0x1p-9f, 0x3p-10f, 0x5p-10f, 0x1p-6f,
                                -1.0625f, -0x3p-10f, -0.0f,   0x1.ep-7f};
  const std::vector<uint8_t> expected = {0x7e, 0x7e, 0x7d, 0x38, 0x3a, 0x39, 0x00, 0x02,
                                         0x01, 0x02, 0x02, 0x08, 0xb8, 0x82, 0x80, 0x08};
  EXPECT_EQ(PackWith(implementation, x, 16).codes, expected);
}

void Fp8PacksTheGrid(const Fp8Implementation& implementation, uint32_t step) {
  const std::vector<float> grid = Fp8Grid(step);
  ExpectPacksLikeReference(implementation, grid, static_cast<int64_t>(grid.size()));
}

void Fp8PacksRowsOfEverySizeAndMagnitude(const Fp8Implementation& implementation) {
  for (int64_t columns = 1; columns <= 70; ++columns) {
    ExpectPacksLikeReference(implementation, Normal(columns, 3, columns, 1.0f), columns);
  }
  for (const float magnitude : {1e-40f, 1e-36f, 1e-30f, 1e-3f, 1e4f, 1e30f, 1e36f}) {
    ExpectPacksLikeReference(implementation, Normal(3, 4, 193, magnitude), 193);
  }
  const std::vector<float> ends = {FLT_MAX, 1.0f,  -FLT_MAX, 1e38f, 0.0f, -0.0f,
                                   0.0f,    -0.0f, FLT_MIN,  0.0f,  1.0f, FromBits(1)};
  for (const int64_t columns : {1, 2, 4, 12})
    ExpectPacksLikeReference(implementation, ends, columns);
  EXPECT_EQ(PackWith(implementation, std::vector<float>(40, 0.0f), 20).scales,
            std::vector<float>(2, 1.0f));
}

void Fp8MarksRowsThatAreNotFinite(const Fp8Implementation& implementation) {
  // At every place of the middle one of three rows, so that whole vectors and the rest behind them
  // meet each kind.
  for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
    for (size_t at = 37; at < 2 * 37; ++at) {
      std::vector<float> x(3 * 37, 2.0f);
      x[at] = bad;
      const Fp8Packed packed = PackWith(implementation, x, 37);
      const std::vector<float> back = UnpackWith(implementation, packed);
      EXPECT_EQ(packed.scales[0], 2.0f / 448);
      EXPECT_TRUE(std::isnan(packed.scales[1])) << bad << " at " << at;
      EXPECT_EQ(packed.scales[2], 2.0f / 448);
      for (size_t i = 0; i < x.size(); ++i) {
        const bool inside = i / 37 == 1;
        ASSERT_EQ(int{packed.codes[i]}, inside ? 0x7f : 0x7e) << bad << " at " << at << ": " << i;
        ASSERT_EQ(std::isnan(back[i]), inside) << bad << " at " << at << ": " << i;
      }
    }
  }
}

void Fp8ComesBackWithinHalfAStep(const Fp8Implementation& implementation) {
  const int64_t columns = 200;
  const std::vector<float> x = Normal(11, 30, columns, 1.0f);
  const Fp8Packed packed = PackWith(implementation, x, columns);
  const std::vector<float> back = UnpackWith(implementation, packed);
  for (size_t i = 0; i < x.size(); ++i) {
    const double scale = packed.scales[i / columns];
    const double half_step = std::max(std::abs(double{x[i]}) / 16, scale * 0x1p-10);
    ASSERT_NEAR(back[i], x[i], half_step * (1 + 1e-6)) << i;
  }
}

void Fp8WritesNothingBesideItsRows(const Fp8Implementation& implementation) {
  for (int64_t columns = 1; columns <= 40; ++columns) {
    const std::vector<float> x = Normal(5, 2, columns, 1.0f);
    std::vector<uint8_t> codes(x.size() + 64, 0x55);
    std::vector<float> scales(2 + 2, -1.0f), back(x.size() + 64, -1.0f);
    implementation.pack(x.data(), 2, columns, codes.data() + 32, scales.data() + 1);
    implementation.unpack(codes.data() + 32, scales.data() + 1, 2, columns, back.data() + 32);
    for (size_t i = 0; i < 32; ++i) {
      ASSERT_EQ(codes[i], 0x55);
      ASSERT_EQ(codes[codes.size() - 1 - i], 0x55) << columns;
      ASSERT_EQ(back[i], -1.0f);
      ASSERT_EQ(back[back.size() - 1 - i], -1.0f) << columns;
    }
    EXPECT_EQ(scales.front(), -1.0f);
    EXPECT_EQ(scales.back(), -1.0f);
  }
  implementation.pack(nullptr, 0, 5, nullptr, nullptr);
  implementation.unpack(nullptr, nullptr, 0, 5, nullptr);
}

}  // namespace sluice::kernels

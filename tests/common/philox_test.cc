#include "common/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace sluice {
namespace {

using Words = std::array<uint32_t, 4>;

// Random123's known answers (kat_vectors, philox 4 x 32, 10 rounds).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox(0, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox(~uint64_t{0}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Decision logs and checkpoints of earlier versions replay only if draws never change.
TEST(Philox, DrawsStayWhatTheyWere) {
  EXPECT_DOUBLE_EQ(UniformDraw(1, DrawPurpose::kSample, 2, 3, 4), 0.32227754540964326);
  EXPECT_DOUBLE_EQ(NormalDraw(1, DrawPurpose::kDomain, 2, 3, 4), 1.9363509965970618);
}

TEST(Philox, EveryArgumentMatters) {
  const auto draw = [](uint64_t seed, DrawPurpose purpose, uint64_t a, uint64_t b, uint32_t c) {
    return UniformDraw(seed, purpose, a, b, c);
  };
  const uint64_t high = uint64_t{1} << 40;
  std::set<double> draws;
  int count = 0;
  const auto add = [&](double value) {
    draws.insert(value);
    ++count;
  };
  add(draw(1, DrawPurpose::kSample, 2, 3, 4));
  add(draw(2, DrawPurpose::kSample, 2, 3, 4));
  add(draw(1 + high, DrawPurpose::kSample, 2, 3, 4));
  add(draw(1, DrawPurpose::kAugment, 2, 3, 4));
  add(draw(1, DrawPurpose::kSample, 3, 3, 4));
  add(draw(1, DrawPurpose::kSample, 2 + high, 3, 4));
  add(draw(1, DrawPurpose::kSample, 2, 4, 4));
  add(draw(1, DrawPurpose::kSample, 2, 3 + high, 4));
  add(draw(1, DrawPurpose::kSample, 3, 2, 4));
  add(draw(1, DrawPurpose::kSample, 2, 3, 5));
  EXPECT_EQ(draws.size(), static_cast<size_t>(count));
}

// 100 bins, 100,000 draws: chi-squared with 99 degrees of freedom is under 148.2 in 999 of 1,000
// seeds. Along each argument in turn, because users draw along each.
TEST(Philox, UniformIsUniformAlongEachArgument) {
  for (int along = 0; along < 4; ++along) {
    std::array<int, 100> bins{};
    for (uint32_t i = 0; i < 100'000; ++i) {
      const double u = UniformDraw(along == 0 ? i : 1, DrawPurpose::kRandomScore,
                                   along == 1 ? i : 1, along == 2 ? i : 1, along == 3 ? i : 1);
      ASSERT_GT(u, 0.0);
      ASSERT_LT(u, 1.0);
      ++bins[static_cast<size_t>(u * 100.0)];
    }
    double chi_squared = 0.0;
    for (const int count : bins) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
    EXPECT_LT(chi_squared, 148.2) << "argument " << along;
  }
}

TEST(Philox, NormalHasItsMomentsAndTails) {
  constexpr int kCount = 200'000;
  double sum = 0.0;
  double squares = 0.0;
  int beyond_two = 0;
  for (uint32_t i = 0; i < kCount; ++i) {
    const double z = NormalDraw(7, DrawPurpose::kInit, 0, 0, i);
    ASSERT_TRUE(std::isfinite(z));
    sum += z;
    squares += z * z;
    beyond_two += std::fabs(z) > 2.0 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.01);
  EXPECT_NEAR(squares / kCount, 1.0, 0.015);
  EXPECT_NEAR(static_cast<double>(beyond_two) / kCount, 0.0455, 0.002);
}

}  // namespace
}  // namespace sluice

#include "kernels/fp8.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <thread>
#include <vector>

#include "tests/kernels/fp8_cases.h"

namespace sluice::kernels {
namespace {

const Fp8Implementation kCpu{Fp8Pack, Fp8Unpack};

// The reference itself, by numbers of the specification's table 2.
TEST(Fp8, TheReferenceKnowsTheFormat) {
  EXPECT_EQ(Fp8Value(0x7e), 448.0);
  EXPECT_EQ(Fp8Value(0x08), std::ldexp(1, -6));
  EXPECT_EQ(Fp8Value(0x07), 0.875 * std::ldexp(1, -6));
  EXPECT_EQ(Fp8Value(0x01), std::ldexp(1, -9));
  EXPECT_EQ(Fp8Value(0x38), 1.0);
  EXPECT_EQ(Fp8Value(0xb9), -1.125);
  EXPECT_TRUE(std::isnan(Fp8Value(0x7f)));
  EXPECT_TRUE(std::isnan(Fp8Value(0xff)));
  EXPECT_TRUE(std::signbit(Fp8Value(0x80)));
  EXPECT_EQ(Fp8Nearest(1e9), 0x7e);
  EXPECT_EQ(Fp8Nearest(-1e9), 0xfe);
  RunFp8Cases(kFp8Reference, 1 << 20);
}

TEST(Fp8, EveryInstructionSetFollowsTheReference) {
  int tried = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    // Odd, so that mantissas differ from one exponent to the next.
    RunFp8Cases(kCpu, (1 << 16) + 1);
    ++tried;
  }
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_GE(tried, 1);
}

TEST(Fp8, PacksADenseGrid) { Fp8PacksTheGrid(kCpu, 8191); }

TEST(Fp8, ThreadsPackTheRowsOfOneMatrix) {
  const int64_t columns = 97, rows = 64;
  std::vector<float> x = Fp8Grid(1 << 19);
  x.resize(static_cast<size_t>(rows * columns), 0.3f);
  const Fp8Packed expected = PackWith(kCpu, x, columns);
  Fp8Packed got{std::vector<uint8_t>(x.size()), std::vector<float>(rows)};
  std::vector<std::thread> threads;
  for (int64_t first = 0; first < rows; first += 16) {
    threads.emplace_back([&, first] {
      Fp8Pack(x.data() + first * columns, 16, columns, got.codes.data() + first * columns,
              got.scales.data() + first);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got.codes, expected.codes);
  EXPECT_EQ(got.scales, expected.scales);
}

}  // namespace
}  // namespace sluice::kernels

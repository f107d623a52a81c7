#include "worker/study/telemetry_bench.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::study {
namespace {

TEST(TelemetryBench, EqualStepsGiveOneAndNoWidth) {
  const RatioInterval r = StepRatio({{0.1, 0.1, 0.0}, {0.2, 0.2, 0.0}, {0.3, 0.3, 0.0}});
  EXPECT_DOUBLE_EQ(r.ratio, 1.0);
  EXPECT_DOUBLE_EQ(r.low, 1.0);
  EXPECT_DOUBLE_EQ(r.high, 1.0);
}

// Two rounds with the logarithms 0 and 0.02: mean 0.01, standard error 0.01, t(1) = 12.706.
TEST(TelemetryBench, TheIntervalIsStudents) {
  const RatioInterval r = StepRatio({{0.1, 0.1, 0.0}, {0.1, 0.1 * std::exp(0.02), 0.0}});
  EXPECT_NEAR(std::log(r.ratio), 0.01, 1e-12);
  EXPECT_NEAR(std::log(r.low), 0.01 - 0.12706, 1e-9);
  EXPECT_NEAR(std::log(r.high), 0.01 + 0.12706, 1e-9);
}

// Values of a table, beyond what the program's own holds too.
TEST(TelemetryBench, QuantilesFallTowardsTheNormals) {
  EXPECT_NEAR(StudentQuantile(1), 12.706, 1e-3);
  EXPECT_NEAR(StudentQuantile(15), 2.131, 1e-3);
  EXPECT_NEAR(StudentQuantile(16), 2.120, 1e-3);
  EXPECT_NEAR(StudentQuantile(20), 2.086, 1e-3);
  EXPECT_NEAR(StudentQuantile(30), 2.042, 1e-3);
  EXPECT_NEAR(StudentQuantile(120), 1.980, 1e-3);
  EXPECT_NEAR(StudentQuantile(1'000'000), 1.960, 1e-3);
  for (size_t degrees = 1; degrees < 200; ++degrees) {
    EXPECT_GT(StudentQuantile(degrees), StudentQuantile(degrees + 1)) << degrees;
  }
}

}  // namespace
}  // namespace sluice::study

#include "worker/study/continual_metrics.h"

#include <gtest/gtest.h>

namespace sluice::study {
namespace {

// By hand. R[T][j]: 0.45, 0.60, 0.90. Best before the end: 0.8 and 0.9 (at the second domain).
// Forgetting ((0.8 - 0.45) + (0.9 - 0.6)) / 2, backward transfer ((0.45 - 0.8) + (0.6 - 0.9)) / 2.
TEST(ContinualMetrics, EqualAHandComputedMatrix) {
  const ContinualMetrics m =
      Measure({{{0.80, 0.10, 0.20}, {0.50, 0.90, 0.30}, {0.45, 0.60, 0.90}}});
  EXPECT_NEAR(m.retention, 0.5625, 1e-12);
  EXPECT_NEAR(m.average_accuracy, 0.65, 1e-12);
  EXPECT_NEAR(m.forgetting, 0.325, 1e-12);
  EXPECT_NEAR(m.backward_transfer, -0.325, 1e-12);
  EXPECT_NEAR(m.diagonal, (0.8 + 0.9 + 0.9) / 3, 1e-12);
}

// Where a domain gets better after its own time, the best is not on the diagonal: forgetting
// (0.70 - 0.65) and, of the second domain, 0.5 - 0.7; backward transfer 0.65 - 0.6 and 0.7 - 0.5.
TEST(ContinualMetrics, ForgettingIsFromTheBestAndTransferFromTheDiagonal) {
  const ContinualMetrics m =
      Measure({{{0.60, 0.10, 0.10}, {0.70, 0.50, 0.10}, {0.65, 0.70, 0.40}}});
  EXPECT_NEAR(m.forgetting, (0.05 - 0.20) / 2, 1e-12);
  EXPECT_NEAR(m.backward_transfer, (0.05 + 0.20) / 2, 1e-12);
  EXPECT_GT(m.retention, 1.0);
}

}  // namespace
}  // namespace sluice::study

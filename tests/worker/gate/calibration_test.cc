#include "worker/gate/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::gate {
namespace {

TEST(CalibrationTest, TheGridHasEqualRatiosAroundOne) {
  const std::vector<double>& grid = TemperatureGrid();
  ASSERT_EQ(grid.size(), 65u);
  EXPECT_DOUBLE_EQ(grid.front(), 0.125);
  EXPECT_DOUBLE_EQ(grid.back(), 8.0);
  EXPECT_DOUBLE_EQ(grid[32], 1.0);
  for (size_t i = 1; i < grid.size(); ++i)
    EXPECT_NEAR(grid[i] / grid[i - 1], std::pow(8.0, 1.0 / 32), 1e-12);
}

TEST(CalibrationTest, TheErrorIsTheTokenWeightedGapOfTheBins) {
  Reliability r;
  r.tokens = 10.0;
  // Six tokens of confidence 0.9, of which four are right; four of 0.5, of which three are.
  r.bins[13][0] = 6.0;
  r.bins[13][1] = 5.4;
  r.bins[13][2] = 4.0;
  r.bins[7][0] = 4.0;
  r.bins[7][1] = 2.0;
  r.bins[7][2] = 3.0;
  EXPECT_NEAR(ExpectedCalibrationError(r), (1.4 + 1.0) / 10.0, 1e-12);
  EXPECT_EQ(ExpectedCalibrationError(Reliability()), 0.0);
}

TEST(CalibrationTest, TheLeastLossWinsAndEqualLossesLeaveOne) {
  std::vector<Reliability> rows(65);
  for (Reliability& row : rows) {
    row.tokens = 1.0;
    row.loss = 2.0;
    row.bins[0][0] = 1.0;
  }
  EXPECT_DOUBLE_EQ(Calibrate(3, rows).temperature, 1.0);
  rows[32].bins[0][1] = 0.25;
  rows[48].bins[0][1] = 0.125;
  rows[48].loss = 1.5;
  const Calibration found = Calibrate(3, rows);
  EXPECT_EQ(found.layer, 3);
  EXPECT_DOUBLE_EQ(found.temperature, std::sqrt(8.0));
  EXPECT_DOUBLE_EQ(found.error_before, 0.25);
  EXPECT_DOUBLE_EQ(found.error_after, 0.125);
}

TEST(CalibrationTest, NumbersStandInTheOrderOfTheMembers) {
  std::vector<double> numbers(kReliabilityNumbers);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i);
  const Reliability r = ReliabilityFrom(numbers);
  EXPECT_EQ(r.tokens, 0.0);
  EXPECT_EQ(r.loss, 1.0);
  EXPECT_EQ(r.bins[0][0], 2.0);
  EXPECT_EQ(r.bins[14][2], 46.0);
}

}  // namespace
}  // namespace sluice::gate

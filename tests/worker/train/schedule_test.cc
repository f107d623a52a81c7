#include "worker/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::train {
namespace {

TEST(Schedule, WarmsUpLinearlyThenFallsByACosine) {
  const LearningRateSchedule schedule{0.8, 0.0, 4, 12};
  EXPECT_DOUBLE_EQ(schedule.At(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.At(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule.At(4), 0.8);
  EXPECT_NEAR(schedule.At(6), 0.8 * (1 + std::sqrt(0.5)) / 2, 1e-12);
  EXPECT_NEAR(schedule.At(8), 0.4, 1e-12);
  EXPECT_NEAR(schedule.At(12), 0.0, 1e-12);
}

TEST(Schedule, EndsAtItsLeastRate) {
  const LearningRateSchedule schedule{2.0, 0.1, 3, 100};
  EXPECT_NEAR(schedule.At(100), 0.2, 1e-12);
  EXPECT_NEAR(schedule.At(500), 0.2, 1e-12) << "steps past the end stay there";
  for (int64_t step = 4; step <= 100; ++step) {
    EXPECT_LT(schedule.At(step), schedule.At(step - 1)) << step;
    EXPECT_GE(schedule.At(step), 0.2 - 1e-12) << step;
  }
}

TEST(Schedule, WithoutWarmUpTheFirstStepIsNearThePeak) {
  const LearningRateSchedule schedule{1.0, 0.0, 0, 1000};
  EXPECT_NEAR(schedule.At(1), 1.0, 1e-5);
  EXPECT_NEAR(schedule.At(500), 0.5, 1e-12);
}

TEST(Schedule, IsFiniteForTheShortestRuns) {
  EXPECT_NEAR((LearningRateSchedule{1.0, 0.5, 0, 1}).At(1), 0.5, 1e-12);
  EXPECT_NEAR((LearningRateSchedule{1.0, 0.0, 1, 2}).At(1), 1.0, 1e-12);
  EXPECT_NEAR((LearningRateSchedule{1.0, 0.0, 1, 2}).At(2), 0.0, 1e-12);
}

TEST(Schedule, AConstantRateIsPossible) {
  const LearningRateSchedule schedule{0.3, 1.0, 0, 10};
  for (int64_t step = 1; step <= 10; ++step) EXPECT_DOUBLE_EQ(schedule.At(step), 0.3);
}

TEST(OpeningScheduleTest, ClosesAtTheStartAndOpensAtTheEnd) {
  const OpeningSchedule schedule{4, 5, 20};
  EXPECT_DOUBLE_EQ(schedule.At(1), 1.0);
  EXPECT_DOUBLE_EQ(schedule.At(3), 0.5);
  EXPECT_DOUBLE_EQ(schedule.At(4), 0.25);
  for (int64_t step = 5; step <= 15; ++step) EXPECT_EQ(schedule.At(step), 0.0) << step;
  EXPECT_DOUBLE_EQ(schedule.At(16), 0.2);
  EXPECT_DOUBLE_EQ(schedule.At(20), 1.0);
}

TEST(OpeningScheduleTest, NothingIsOpenedByDefault) {
  const OpeningSchedule schedule{0, 0, 3};
  for (int64_t step = 1; step <= 3; ++step) EXPECT_EQ(schedule.At(step), 0.0);
}

}  // namespace
}  // namespace sluice::train

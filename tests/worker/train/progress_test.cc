#include "worker/train/progress.h"

#include <gtest/gtest.h>

namespace sluice::train {
namespace {

using std::chrono::milliseconds;

TEST(Progress, TheLineIsAsTheHeaderSays) {
  ProgressSample sample{120, 600, 512.0, 0.83124, 0.261, 0.4123, 3.1e-4, 12};
  EXPECT_EQ(ProgressLine(sample, 32.0 / 480.0),
            "step 120/600  512.0 img/s  eta 0:32  loss 0.8312  r 0.26  theta 0.412  lr 3.1e-04  "
            "directive 12");
}

TEST(Progress, EtaIsMinutesAndTwoDigitsOfSeconds) {
  ProgressSample sample;
  sample.total_steps = 100;
  EXPECT_NE(ProgressLine(sample, 0.65).find("eta 1:05"), std::string::npos);
  EXPECT_NE(ProgressLine(sample, 60.0).find("eta 100:00"), std::string::npos);
  sample.step = 100;
  EXPECT_NE(ProgressLine(sample, 60.0).find("eta 0:00"), std::string::npos);
}

TEST(Progress, AStepWithNothingOpenHasNoLoss) {
  EXPECT_NE(ProgressLine({}, 1.0).find("loss -"), std::string::npos);
}

TEST(Progress, ALineIsDueOncePerPeriodAndAtTheLastStep) {
  const ProgressClock::Clock::time_point start{};
  ProgressClock clock(2.0, start);
  EXPECT_FALSE(clock.IsDue(start + milliseconds(1999), false));
  EXPECT_TRUE(clock.IsDue(start + milliseconds(2000), false));
  EXPECT_FALSE(clock.IsDue(start + milliseconds(3999), false));
  EXPECT_TRUE(clock.IsDue(start + milliseconds(4500), false));
  EXPECT_FALSE(clock.IsDue(start + milliseconds(6400), false)) << "counted from the last line";
  EXPECT_TRUE(clock.IsDue(start + milliseconds(6401), true));
}

TEST(Progress, APeriodOfZeroIsSilent) {
  const ProgressClock::Clock::time_point start{};
  ProgressClock clock(0.0, start);
  EXPECT_FALSE(clock.IsDue(start + milliseconds(100000), false));
  EXPECT_FALSE(clock.IsDue(start + milliseconds(100000), true));
}

TEST(Progress, TheTimerFollowsSlowly) {
  StepTimer timer;
  EXPECT_EQ(timer.seconds_per_step(), 0.0);
  timer.Add(2.0);
  EXPECT_DOUBLE_EQ(timer.seconds_per_step(), 2.0) << "the first step counts whole";
  timer.Add(1.0);
  EXPECT_DOUBLE_EQ(timer.seconds_per_step(), 1.9);
  for (int i = 0; i < 200; ++i) timer.Add(1.0);
  EXPECT_NEAR(timer.seconds_per_step(), 1.0, 1e-6);
}

}  // namespace
}  // namespace sluice::train

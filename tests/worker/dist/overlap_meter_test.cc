#include "worker/dist/overlap_meter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::dist {
namespace {

OverlapMeter::Time At(double seconds) {
  return OverlapMeter::Time(std::chrono::duration_cast<OverlapMeter::Time::duration>(
      std::chrono::duration<double>(seconds)));
}

TEST(OverlapMeterTest, WhatFollowsTheLastBucketIsExposed) {
  OverlapMeter meter;
  meter.Start(At(10));
  const uint64_t first = meter.Leave(At(11), 100);
  meter.Arrive(first, At(13));
  const uint64_t second = meter.Leave(At(14), 20);  // The link was idle for a second.
  const uint64_t third = meter.Leave(At(15), 3);
  meter.Arrive(second, At(17));
  meter.Arrive(third, At(18));
  meter.End(At(18.5));
  const Traffic traffic = meter.Take();
  EXPECT_DOUBLE_EQ(traffic.backward_seconds, 8.5);
  EXPECT_DOUBLE_EQ(traffic.communication_seconds, 2 + 4);
  EXPECT_DOUBLE_EQ(traffic.exposed_seconds, 3.0);
  EXPECT_EQ(traffic.bytes, 123u);
}

TEST(OverlapMeterTest, AnArrivalThatIsToldLateEndsWithItsBackward) {
  OverlapMeter meter;
  meter.Start(At(0));
  const uint64_t late = meter.Leave(At(1), 1);
  meter.End(At(2));
  meter.Arrive(late, At(2.5));
  meter.Start(At(3));
  const uint64_t next = meter.Leave(At(4), 1);
  meter.Arrive(late, At(4.5));  // Of the former backward: the next one's bucket is still away.
  meter.Arrive(next, At(6));
  meter.End(At(6));
  const Traffic traffic = meter.Take();
  EXPECT_DOUBLE_EQ(traffic.backward_seconds, 2 + 3);
  EXPECT_DOUBLE_EQ(traffic.communication_seconds, 1 + 2);
  EXPECT_DOUBLE_EQ(traffic.exposed_seconds, 1 + 2);
}

TEST(OverlapMeterTest, NothingSentIsNothingExposed) {
  OverlapMeter meter;
  meter.Start(At(0));
  meter.End(At(2));
  Traffic traffic = meter.Take();
  EXPECT_DOUBLE_EQ(traffic.backward_seconds, 2.0);
  EXPECT_EQ(traffic.communication_seconds, 0.0);
  EXPECT_EQ(traffic.exposed_seconds, 0.0);
  traffic = meter.Take();
  EXPECT_EQ(traffic.backward_seconds, 0.0) << "what was taken is gone";
}

TEST(OverlapMeterTest, BucketsArriveOnAnyThread) {
  OverlapMeter meter;
  meter.Start(At(0));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&meter] {
      for (int k = 0; k < 1000; ++k) meter.Arrive(meter.Leave(At(1), 1), At(1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  meter.End(At(2));
  const Traffic traffic = meter.Take();
  EXPECT_EQ(traffic.bytes, 4000u);
  EXPECT_EQ(traffic.communication_seconds, 0.0);
}

}  // namespace
}  // namespace sluice::dist

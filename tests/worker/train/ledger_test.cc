#include "worker/train/ledger.h"

#include <gtest/gtest.h>

namespace sluice::train {
namespace {

TEST(LedgerTest, TheStepIsComparedWithTheDenseOneItStandsFor) {
  LedgerEntry entry;
  entry.dense_seconds = 0.9;
  entry.gated_seconds = 0.3;
  // 0.1 s of optimizer and loading: 0.4 against 1.0.
  EXPECT_NEAR(TimeSaved(entry, 0.4, 1), 0.6, 1e-12);
  // Two micro-steps: 0.7 against 1.9.
  EXPECT_NEAR(TimeSaved(entry, 0.7, 2), 1.0 - 0.7 / 1.9, 1e-12);
  entry.gated_seconds = 1.2;
  EXPECT_LT(TimeSaved(entry, 1.3, 1), 0.0);
  EXPECT_EQ(TimeSaved({}, 0.0, 1), 0.0);
}

TEST(LedgerTest, TheSummaryHasTheMedianOfEachShare) {
  const std::vector<LedgerEntry> entries = {
      {1, 1.0, 0.5, 100, 40, 0.30}, {2, 1.0, 0.5, 100, 50, 0.20}, {3, 1.0, 0.5, 100, 90, 0.25}};
  const Savings savings = Summarise(entries, {0.1, 0.7, 0.6});
  EXPECT_EQ(savings.measurements, 3);
  EXPECT_DOUBLE_EQ(savings.time, 0.6);
  EXPECT_DOUBLE_EQ(savings.flops, 0.75);
  EXPECT_DOUBLE_EQ(savings.bytes, 0.5);
  EXPECT_EQ(Summarise({}, {}), Savings{});
  EXPECT_EQ(Summarise({{1, 1.0, 0.5, 0, 0, 0.5}}, {0.5}).bytes, 0.0);  // Not counted.
}

}  // namespace
}  // namespace sluice::train

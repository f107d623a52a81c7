#include "sidecar/metrics/families.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::sidecar {
namespace {

TEST(FamilyBuilder, FamiliesKeepTheirOrderAndEmptyOnesGo) {
  FamilyBuilder builder;
  builder.Gauge("b", "help of b");
  builder.Add({{"run", "r"}}, 1.5);
  builder.Gauge("empty", "");
  builder.Counter("a", "");
  builder.Add({}, 2.0);
  const auto families = builder.Take();
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name, "b");
  EXPECT_EQ(families[0].help, "help of b");
  EXPECT_EQ(families[0].metric[0].gauge.value, 1.5);
  EXPECT_EQ(families[0].metric[0].label[0].value, "r");
  EXPECT_EQ(families[1].metric[0].counter.value, 2.0);
}

TEST(FamilyBuilder, BucketsAreCumulativeAndEndAtInfinity) {
  FamilyBuilder builder;
  builder.Histogram("h", "");
  builder.AddHistogram({}, {1.0, 2.0}, {3, 4}, 9.0, false);
  builder.AddHistogram({}, {1.0, 2.0}, {3, 4}, 9.0, true);
  const auto families = builder.Take();
  const auto& closed = families[0].metric[0].histogram;
  ASSERT_EQ(closed.bucket.size(), 3u);
  EXPECT_EQ(closed.bucket[0].cumulative_count, 3u);
  EXPECT_EQ(closed.bucket[1].cumulative_count, 7u);
  EXPECT_TRUE(std::isinf(closed.bucket[2].upper_bound));
  EXPECT_EQ(closed.bucket[2].cumulative_count, 7u);
  EXPECT_EQ(closed.sample_count, 7u);
  EXPECT_EQ(closed.sample_sum, 9.0);
  const auto& open = families[0].metric[1].histogram;
  ASSERT_EQ(open.bucket.size(), 2u);
  EXPECT_TRUE(std::isinf(open.bucket[1].upper_bound));
  EXPECT_EQ(open.sample_count, 7u);
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/metrics/view_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <map>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ViewMetrics, ShowsTheLedger) {
  testing::Bench bench;
  auto sink = bench.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 2));
  for (uint64_t s = 1; s <= 30; ++s) bench.Send(sink, {"r", 0, 0, 0, 1, s}, testing::SnapshotAt(s));
  ViewHub hub;
  hub.Publish(bench.engine.MakeView(0));
  const std::string text = ViewCollectable(&hub).Text();
  for (const char* line :
       {"sluice_steps_total{run=\"r\"} 30", "sluice_step{run=\"r\"} 0",
        "sluice_images_total{run=\"r\",state=\"open\"} 90",
        "sluice_tokens_total{run=\"r\",state=\"closed\"} 180",
        "sluice_coverage_ratio{run=\"r\"} 0.5", "sluice_ranks{run=\"r\",state=\"lost\"} 1",
        "sluice_gate_activation_ratio{run=\"r\",layer=\"2\"} 0.4",
        "sluice_gate_entropy_count{run=\"r\",layer=\"2\"} 300",
        "sluice_gate_entropy_sum{run=\"r\",layer=\"2\"} 150",
        "sluice_step_seconds_count{run=\"r\"} 30", "sluice_loss{run=\"r\"} 1.5",
        "sluice_alerts_firing{run=\"r\",alert=\"lost_rank\"} 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("rank=")));
}

TEST(ViewMetrics, ACommitIsCountedInTheFirstBucketThatHoldsIt) {
  View view;
  for (double seconds : {1e-4, 6e-4, 100.0}) view.commit_times.Add(seconds);
  std::map<double, uint64_t> buckets;
  for (const auto& family : MetricsOf(view)) {
    if (family.name != "sluice_commit_seconds") continue;
    for (const auto& bucket : family.metric.at(0).histogram.bucket) {
      buckets[bucket.upper_bound] = bucket.cumulative_count;
    }
    EXPECT_DOUBLE_EQ(family.metric[0].histogram.sample_sum, 100.0007);
  }
  ASSERT_EQ(buckets.size(), CommitTimes::kBins);
  EXPECT_EQ(buckets.at(CommitTimes::UpperSeconds(0)), 1u);
  EXPECT_EQ(buckets.at(CommitTimes::UpperSeconds(1)), 2u);
  EXPECT_EQ(std::prev(buckets.end(), 2)->second, 2u);
  EXPECT_EQ(buckets.rbegin()->second, 3u);
}

}  // namespace
}  // namespace sluice::sidecar

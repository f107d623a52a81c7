#include "sidecar/metrics/health_metrics.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::sidecar {
namespace {

// Samples by name and the labels behind `run`.
std::map<std::string, double> Health(const RunRecord& record) {
  auto run = std::make_shared<RunView>();
  run->record = record;
  View view;
  view.runs = {run};
  FamilyBuilder builder;
  AddHealthMetrics(view, builder);
  std::map<std::string, double> samples;
  for (const auto& family : builder.Take()) {
    for (const auto& metric : family.metric) {
      EXPECT_EQ(metric.label[0].name, "run");
      std::string name = family.name;
      for (size_t i = 1; i < metric.label.size(); ++i) name += "/" + metric.label[i].value;
      samples[name] = family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                                     : metric.gauge.value;
    }
  }
  return samples;
}

TEST(HealthMetrics, EveryAlertHasASeries) {
  RunRecord record;
  record.run = "r";
  auto samples = Health(record);
  ASSERT_EQ(samples.size(), kAlertNames.size());
  for (const auto& [name, value] : samples) EXPECT_EQ(value, 0.0) << name;
  record.alerts.firing = {{"lost_rank", "rank 1 is gone", 20}};
  samples = Health(record);
  EXPECT_EQ(samples.size(), kAlertNames.size());
  EXPECT_EQ(samples.at("sluice_alerts_firing/lost_rank"), 1.0);
  EXPECT_EQ(samples.at("sluice_alerts_firing/lost_telemetry"), 0.0);
}

TEST(HealthMetrics, ChecksByResultAndTheRestUnderOneName) {
  RunRecord record;
  record.run = "r";
  record.probes["old"] = {20, 0.03, 0.02, 4, 5};
  record.probes[kOtherProbes] = {0, 0.0, 0.02, 6, 7};
  const auto samples = Health(record);
  EXPECT_EQ(samples.at("sluice_probe_loss_delta_ratio/old"), 0.03);
  EXPECT_EQ(samples.at("sluice_probe_checks_total/old/ok"), 4.0);
  EXPECT_EQ(samples.at("sluice_probe_checks_total/old/worse"), 5.0);
  EXPECT_EQ(samples.at("sluice_probe_checks_total/(other)/worse"), 7.0);
  EXPECT_FALSE(samples.contains("sluice_probe_loss_delta_ratio/(other)"));
}

}  // namespace
}  // namespace sluice::sidecar

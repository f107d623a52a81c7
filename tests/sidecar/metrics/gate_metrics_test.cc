#include "sidecar/metrics/gate_metrics.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

// Two gates; nothing was said or done yet.
std::shared_ptr<RunView> TwoGates() {
  auto run = std::make_shared<RunView>();
  run->record.run = "r";
  run->record.gates = {{2, "head", "threshold", 0.3, 0.0}, {5, "head", "threshold", 0.4, 0.0}};
  ReconcileSteering(run->record);
  return run;
}

// Values of a family's samples.
std::vector<double> GateValues(const std::shared_ptr<RunView>& run, const std::string& name) {
  View view;
  view.runs = {run};
  FamilyBuilder builder;
  AddGateMetrics(view, builder);
  std::vector<double> values;
  for (const auto& family : builder.Take()) {
    if (family.name != name) continue;
    for (const auto& metric : family.metric) {
      values.push_back(family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                                      : metric.gauge.value);
    }
  }
  return values;
}

using Values = std::vector<double>;

TEST(GateMetrics, AThresholdIsTheWorkersThenTheDirectivesThenTheHellos) {
  auto run = TwoGates();
  EXPECT_EQ(GateValues(run, "sluice_gate_threshold"), (Values{0.3, 0.4}));
  run->record.in_force = Directive{};
  run->record.in_force->layers = {{2, 0.31, 0.0}, {5, 0.41, 0.0}};
  EXPECT_EQ(GateValues(run, "sluice_gate_threshold"), (Values{0.31, 0.41}));
  run->record.newest.thresholds = {0.32, 0.42};
  EXPECT_EQ(GateValues(run, "sluice_gate_threshold"), (Values{0.32, 0.42}));
}

TEST(GateMetrics, AveragesAppearWithTheFirstWindow) {
  auto run = TwoGates();
  EXPECT_TRUE(GateValues(run, "sluice_gate_entropy_ema").empty());
  EXPECT_TRUE(GateValues(run, "sluice_gate_activation_ratio").empty());
  run->record.steering[1].windows = 1;
  run->record.steering[1].ema_mean = 0.5;
  EXPECT_EQ(GateValues(run, "sluice_gate_entropy_ema"), (Values{0.5}));
}

TEST(GateMetrics, TheHeadlineCountsTheLastGatesTokens) {
  auto run = TwoGates();
  EXPECT_TRUE(GateValues(run, "sluice_tokens_total").empty());
  run->counters.layer_count = 2;
  run->counters.layers[0].tokens_open = 100;
  run->counters.layers[1].tokens_open = 60;
  run->counters.layers[1].tokens_closed = 40;
  EXPECT_EQ(GateValues(run, "sluice_tokens_total"), (Values{60, 40}));
}

TEST(GateMetrics, TimesOfStepsAndOfInferenceAreFamiliesOfTheirOwn) {
  auto run = TwoGates();
  run->counters.step.Add(100);
  run->counters.inference.Add(3000);
  run->counters.inference.Add(5000);
  View view;
  view.runs = {run};
  FamilyBuilder builder;
  AddGateMetrics(view, builder);
  std::map<std::string, prometheus::ClientMetric::Histogram> histograms;
  for (const auto& family : builder.Take()) {
    if (family.type == prometheus::MetricType::Histogram && !family.metric.empty()) {
      histograms[family.name] = family.metric[0].histogram;
    }
  }
  EXPECT_EQ(histograms.at("sluice_step_seconds").sample_count, 1u);
  EXPECT_EQ(histograms.at("sluice_inference_seconds").sample_count, 2u);
  EXPECT_DOUBLE_EQ(histograms.at("sluice_inference_seconds").sample_sum, 0.008);
}

}  // namespace
}  // namespace sluice::sidecar

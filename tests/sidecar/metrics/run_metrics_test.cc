#include "sidecar/metrics/run_metrics.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::sidecar {
namespace {

// The samples of one run by name and the last label's value.
std::map<std::string, double> Samples(const RunView& run) {
  View view;
  view.runs = {std::make_shared<RunView>(run)};
  FamilyBuilder builder;
  AddRunMetrics(view, builder);
  AddSampleMetrics(view, builder);
  std::map<std::string, double> samples;
  for (const auto& family : builder.Take()) {
    for (const auto& metric : family.metric) {
      const auto& last = metric.label.back();
      const std::string name = family.name + (last.name == "run" ? "" : "/" + last.value);
      samples[name] = family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                                     : metric.gauge.value;
    }
  }
  return samples;
}

TEST(RunMetrics, WhatWasNeverSampledHasNoSample) {
  RunView run;
  auto samples = Samples(run);
  for (const char* name : {"sluice_loss", "sluice_gradient_norm", "sluice_accuracy_ratio/dense",
                           "sluice_compute_saved_ratio"}) {
    EXPECT_FALSE(samples.contains(name)) << name;
  }
  EXPECT_EQ(samples.at("sluice_directive_version"), 0.0);
  run.record.newest.loss = 0.0;
  run.record.newest.accuracy_gated = 0.5;
  run.record.newest.compute_saved_ratio = -0.25;
  samples = Samples(run);
  EXPECT_EQ(samples.at("sluice_loss"), 0.0);
  EXPECT_EQ(samples.at("sluice_accuracy_ratio/gated"), 0.5);
  EXPECT_EQ(samples.at("sluice_compute_saved_ratio"), -0.25);
}

TEST(RunMetrics, TheDirectiveInForceSetsScalesAndBreaker) {
  RunView run;
  EXPECT_EQ(Samples(run).at("sluice_max_gradient_scale"), 1.0);
  run.record.version = 9;  // Of a former training; nothing of it is in force.
  EXPECT_EQ(Samples(run).at("sluice_directive_version"), 0.0);
  run.record.in_force = Directive{};
  run.record.in_force->version = 9;
  run.record.in_force->breaker_level = 2;
  run.record.in_force->group_scales = {{"a", 2.0}, {"b", 4.5}, {"c", 1.5}};
  const auto samples = Samples(run);
  EXPECT_EQ(samples.at("sluice_directive_version"), 9.0);
  EXPECT_EQ(samples.at("sluice_breaker_level"), 2.0);
  EXPECT_EQ(samples.at("sluice_dormant_groups"), 3.0);
  EXPECT_EQ(samples.at("sluice_max_gradient_scale"), 4.5);
}

TEST(RunMetrics, PositionAndWorkAreDifferentThings) {
  RunView run;
  run.step = 15;
  run.work = 25;
  run.ranks_live = 3;
  run.ranks_lost = 1;
  run.coalesced = 6;
  run.counters.images_open = 7;
  const auto samples = Samples(run);
  EXPECT_EQ(samples.at("sluice_step"), 15.0);
  EXPECT_EQ(samples.at("sluice_steps_total"), 25.0);
  EXPECT_EQ(samples.at("sluice_ranks/live"), 3.0);
  EXPECT_EQ(samples.at("sluice_ranks/lost"), 1.0);
  EXPECT_EQ(samples.at("sluice_images_total/open"), 7.0);
  EXPECT_EQ(samples.at("sluice_telemetry_coalesced_total"), 6.0);
}

}  // namespace
}  // namespace sluice::sidecar

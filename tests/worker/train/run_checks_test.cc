#include "worker/train/run_checks.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/legacy_patterns.h"
#include "tests/worker/train/one_rank.h"
#include "worker/train/describe_legacy.h"
#include "worker/train/evaluate.h"

namespace sluice::train {
namespace {

using testing::OneRank;

// Has no room and is never started: what is sent counts as dropped.
telemetry::PublisherConfig Counting() {
  telemetry::PublisherConfig config;
  config.address = "127.0.0.1:1";
  config.max_events = 0;
  return config;
}

class RunChecksTest : public ::testing::Test {
 protected:
  RunChecksTest() : rank_(testing::SmallRun("unused", 1)) {}

  data::PipelineConfig Pipeline() const {
    return config::ResolvePipeline(rank_.config, false).value();
  }
  // Adds a probe of which the model says now what it says then.
  void AddProbe(const std::string& name, uint64_t first) {
    legacy::LegacySet set = testing::PatternSet(first, 12, name);
    const absl::Status asked = DescribeLegacy(*rank_.assembly.model, Pipeline(), 12, set, nullptr);
    EXPECT_TRUE(asked.ok()) << asked;
    rank_.datasets.probes.push_back(std::move(set));
  }
  // A probe whose loss was `factor` of what it is now.
  void AddProbe(const std::string& name, uint64_t first, float factor) {
    AddProbe(name, first);
    for (float& loss : rank_.datasets.probes.back().losses) loss *= factor;
  }
  RunChecks Checks() {
    return {&rank_.config, &rank_.assembly, &rank_.datasets, &*group_, &publisher_};
  }
  Evaluation Evaluated(const data::PipelineConfig& pipeline, bool gated) {
    return Evaluate(*rank_.assembly.model, rank_.datasets.eval, pipeline, *group_, 4, gated,
                    static_cast<uint64_t>(rank_.config.train.seed))
        .value();
  }

  OneRank rank_;
  absl::StatusOr<dist::Group> group_ = dist::Group::Alone();
  telemetry::Publisher publisher_{Counting()};
  checkpoint::TrainState state_;
  HealthyCheckpoint health_{0};
  TrainReport report_;
};

TEST_F(RunChecksTest, AnEvaluationIsAPointOfTheCurve) {
  LatencyHistogram inference;
  rank_.config.eval_batch = 4;
  RunChecks checks = Checks();
  ASSERT_TRUE(checks.Evaluate(3, 1.5, inference, report_).ok());
  rank_.config.eval_mode = "dense";
  ASSERT_TRUE(checks.Evaluate(6, 2.5, inference, report_).ok());
  ASSERT_EQ(report_.curve.size(), 2u);
  const Evaluation gated = Evaluated(Pipeline(), true);
  EXPECT_EQ(report_.curve[0].step, 3);
  EXPECT_EQ(report_.curve[0].seconds, 1.5);
  EXPECT_EQ(report_.curve[0].accuracy_dense, Evaluated(Pipeline(), false).accuracy);
  EXPECT_EQ(report_.curve[0].accuracy_gated, gated.accuracy);
  EXPECT_EQ(report_.eval_activation_rate, gated.activation_rate);
  EXPECT_EQ(report_.curve[1].step, 6);
  EXPECT_FALSE(report_.curve[1].accuracy_gated.has_value());
  EXPECT_FALSE(report_.accuracy_gated.has_value()) << "of the last one";
  EXPECT_EQ(report_.accuracy_dense, report_.curve[1].accuracy_dense);
}

TEST_F(RunChecksTest, FurtherDomainsAreEvaluatedDenselyEachByItself) {
  rank_.datasets.eval = testing::Patterns(500, 60);
  rank_.config.eval_domains = "invert,noise";
  rank_.config.data.domain = "blur";  // The run's own.
  ASSERT_TRUE(Checks().EvaluateDomains(report_).ok());
  ASSERT_EQ(report_.domains.size(), 2u);
  data::PipelineConfig pipeline = Pipeline();
  pipeline.domain = data::Domain::kInvert;
  EXPECT_EQ(report_.domains[0], (DomainAccuracy{"invert", Evaluated(pipeline, false).accuracy}));
  pipeline.domain = data::Domain::kNoise;
  EXPECT_EQ(report_.domains[1], (DomainAccuracy{"noise", Evaluated(pipeline, false).accuracy}));
}

TEST_F(RunChecksTest, WithoutAProbeNothingIsCheckedOrSaid) {
  RunChecks checks = Checks();
  EXPECT_FALSE(checks.has_probes());
  for (const bool calm : {false, true}) {
    state_.probes_calm = calm;
    ASSERT_TRUE(checks.CheckProbes(5, health_, state_, report_).ok());
    EXPECT_EQ(state_.probes_calm, calm);
  }
  EXPECT_TRUE(report_.probes.empty());
  EXPECT_EQ(report_.probe_seconds, 0.0);
  EXPECT_EQ(publisher_.Stats().events_dropped, 0u);
}

TEST_F(RunChecksTest, EveryProbeIsReportedAndToldToTheSidecar) {
  AddProbe("a", 40);
  AddProbe("b", 70);
  RunChecks checks = Checks();
  EXPECT_TRUE(checks.has_probes());
  ASSERT_TRUE(checks.CheckProbes(5, health_, state_, report_).ok());
  EXPECT_TRUE(state_.probes_calm);
  ASSERT_EQ(report_.probes.size(), 2u);
  EXPECT_EQ(report_.probes[0].probe, "a");
  EXPECT_EQ(report_.probes[1].probe, "b");
  EXPECT_EQ(report_.probes[1].images, 12);
  EXPECT_NEAR(report_.probes[1].delta(), 0.0, 1e-6);
  EXPECT_GT(report_.probe_seconds, 0.0);
  EXPECT_EQ(publisher_.Stats().events_dropped, 2u);
  const double first = report_.probe_seconds;
  ASSERT_TRUE(checks.CheckProbes(10, health_, state_, report_).ok());
  EXPECT_EQ(report_.probes.size(), 2u) << "those of the last check";
  EXPECT_GT(report_.probe_seconds, first) << "of all checks";
}

TEST_F(RunChecksTest, OneProbeThatIsWorseIsEnoughNotToBeCalm) {
  for (const bool worse_first : {true, false}) {
    rank_.datasets.probes.clear();
    AddProbe("a", 40, worse_first ? 0.5f : 1.0f);
    AddProbe("b", 70, worse_first ? 1.0f : 0.5f);
    state_.probes_calm = true;
    ASSERT_TRUE(Checks().CheckProbes(5, health_, state_, report_).ok());
    EXPECT_FALSE(state_.probes_calm) << worse_first;
    EXPECT_EQ(report_.probes[0].is_worse(), worse_first);
    EXPECT_EQ(report_.probes[1].is_worse(), !worse_first);
  }
  rank_.datasets.probes.erase(rank_.datasets.probes.begin() + 1);
  ASSERT_TRUE(Checks().CheckProbes(6, health_, state_, report_).ok());
  EXPECT_TRUE(state_.probes_calm) << "again";
}

TEST_F(RunChecksTest, RankZeroAloneTellsTheSidecar) {
  AddProbe("a", 40, 0.5f);
  OneRank second(rank_.config);
  second.datasets.probes = rank_.datasets.probes;
  telemetry::Publisher quiet{Counting()};
  dist::testing::RunRanks(2, [&](dist::Group& group) {
    const bool is_first = group.rank() == 0;
    OneRank& rank = is_first ? rank_ : second;
    checkpoint::TrainState state;
    state.probes_calm = true;
    TrainReport report;
    HealthyCheckpoint health(0);
    RunChecks checks(&rank.config, &rank.assembly, &rank.datasets, &group,
                     is_first ? &publisher_ : &quiet);
    ASSERT_TRUE(checks.CheckProbes(5, health, state, report).ok());
    EXPECT_FALSE(state.probes_calm) << "on all ranks";
    EXPECT_EQ(report.probes.size(), 1u);
  });
  EXPECT_EQ(publisher_.Stats().events_dropped, 1u);
  EXPECT_EQ(quiet.Stats().events_dropped, 0u);
}

TEST_F(RunChecksTest, TemperaturesAreFittedIfTheRunSaysSo) {
  {
    const torch::NoGradGuard no_graph;
    torch::manual_seed(2);
    torch::Tensor(rank_.assembly.model->HeadParameters()[0].second).normal_(0.0, 2.0);
  }
  rank_.config.gate.calibrate = false;
  ASSERT_TRUE(Checks().Calibrate(state_, report_).ok());
  EXPECT_TRUE(report_.calibration.empty());
  EXPECT_TRUE(state_.temperatures.empty());
  rank_.config.gate.calibrate = true;
  ASSERT_TRUE(Checks().Calibrate(state_, report_).ok());
  ASSERT_EQ(report_.calibration.size(), 1u);
  EXPECT_EQ(report_.calibration[0].layer, 2);
  EXPECT_GT(report_.calibration[0].temperature, 1.0) << "its head says much and knows nothing";
  EXPECT_EQ(state_.temperatures.at("2"), report_.calibration[0].temperature);
  EXPECT_EQ(rank_.assembly.model->settings().gates[0].temperature,
            report_.calibration[0].temperature);
}

}  // namespace
}  // namespace sluice::train

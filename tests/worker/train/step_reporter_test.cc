#include "worker/train/step_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "tests/worker/train/one_rank.h"
#include "tests/worker/train/overheard_publisher.h"

namespace sluice::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TextOf;

constexpr int64_t kSteps = 4;
constexpr double kStepSeconds = 0.25;

// A run of three micro-steps of 8 images each, with a gate that is told a threshold and one that is
// told a rate, under directive 7. What its steps did is made up.
class StepReporterTest : public ::testing::Test {
 protected:
  StepReporterTest() : config_(testing::SmallRun("unused", kSteps)) {
    config_.train.accumulate = 3;
    config_.gate.rates = {0.25, 0.5};
    GateSettings settings = testing::SmallGate(Mode::kCompact, 0.375, false);
    settings.gates[0].policy.rate = 0.0625;
    settings.gates.push_back({3, {}});
    settings.gates[1].policy.kind = gate::PolicyKind::kBudget;
    settings.gates[1].policy.threshold = 0.125;
    settings.gates[1].policy.rate = 0.75;
    model_ = testing::MakeModel(settings, torch::kFloat);
    dist::AgreementOptions options;
    options.in_force.emplace().version = 7;
    agreement_.emplace(*dist::DirectiveAgreement::Make(&*group_, options));
    outcome_.loss = 0.75;
    outcome_.accuracy = 0.5;
    outcome_.gradient_norm = 1.25;
    outcome_.learning_rate = 0.03125;
    outcome_.control.tokens = 90;
    outcome_.control.tokens_open = 27;
    outcome_.timing = {0.125, 0.25, 0.0625, 0.03125, 13, 4096};
  }

  StepReporter Reporter(bool shows = false) {
    return {&config_, model_.get(), &*agreement_, overheard_.publisher(), shows};
  }
  static Counters CountersAt(uint64_t step) {
    Counters counters;
    counters.steps = step;
    counters.images_open = 20 * step;
    counters.layer_count = 2;
    for (uint32_t k = 0; k < 2; ++k) {
      counters.layers[k].layer = 2 + k;
      counters.layers[k].tokens_open = (30 - k) * step;
    }
    return counters;
  }
  void Report(StepReporter& reporter, int64_t step) {
    Counters counters = CountersAt(static_cast<uint64_t>(step));
    reporter.OnStep(step, outcome_, kStepSeconds, counters, 0.4375, {0.875, 0.625});
  }
  // What is to be heard then.
  static GateSnapshot Told(uint64_t step) {
    GateSnapshot snapshot;
    snapshot.first_step = snapshot.last_step = step;
    snapshot.counters = CountersAt(step);
    snapshot.counters.step.Add(250'000);
    snapshot.layers[0] = {2, 0.375, 0.25};
    snapshot.layers[1] = {3, 0.125, 0.75};
    snapshot.directive_version = 7;
    snapshot.loss = 0.75;
    snapshot.train_accuracy = 0.5;
    snapshot.gradient_norm = 1.25;
    snapshot.learning_rate = 0.03125;
    snapshot.images_per_second = 24 / kStepSeconds;
    snapshot.compute_saved_ratio = 0.4375;
    snapshot.accuracy_dense = 0.875;
    snapshot.accuracy_gated = 0.625;
    snapshot.timing = StepTiming{0.125, 0.25, 0.0625, 0.03125, 13, 4096};
    return snapshot;
  }
  // Lines on the terminal while all steps are reported.
  std::vector<std::string> Lines(bool shows) {
    ::testing::internal::CaptureStderr();
    ::testing::internal::CaptureStdout();
    StepReporter reporter = Reporter(shows);
    for (int64_t step = 1; step <= kSteps; ++step) Report(reporter, step);
    const std::string text =
        ::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout();
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }

  config::TrainConfig config_;
  absl::StatusOr<dist::Group> group_ = dist::Group::Alone();
  std::unique_ptr<GatedModel> model_;
  std::optional<dist::DirectiveAgreement> agreement_;
  StepOutcome outcome_;
  testing::OverheardPublisher overheard_;
};

TEST_F(StepReporterTest, AStepIsToldInFullAndItsTimeIsCounted) {
  StepReporter reporter = Reporter();
  Counters counters = CountersAt(3);
  reporter.OnStep(3, outcome_, kStepSeconds, counters, 0.4375, {0.875, 0.625});
  EXPECT_TRUE(counters == Told(3).counters);
  EXPECT_THAT(overheard_.Heard(), ElementsAre(TextOf(Told(3))));
}

TEST_F(StepReporterTest, WhatNobodyKnowsIsLeftOut) {
  StepReporter reporter = Reporter();
  outcome_.loss = outcome_.accuracy = outcome_.gradient_norm = std::nullopt;
  Counters counters = CountersAt(2);
  reporter.OnStep(2, outcome_, kStepSeconds, counters, std::nullopt, {});
  GateSnapshot told = Told(2);
  told.loss = told.train_accuracy = told.gradient_norm = std::nullopt;
  told.compute_saved_ratio = told.accuracy_dense = told.accuracy_gated = std::nullopt;
  EXPECT_THAT(overheard_.Heard(), ElementsAre(TextOf(told)));
}

TEST_F(StepReporterTest, WhatIsInForceAtTheStepIsTold) {
  StepReporter reporter = Reporter();
  Report(reporter, 1);
  model_->settings().gates[0].policy.threshold = 0.5;
  model_->settings().gates[1].policy.rate = 0.9375;
  Report(reporter, 2);
  GateSnapshot second = Told(2);
  second.layers[0].threshold = 0.5;
  second.layers[1].target_rate = 0.9375;
  EXPECT_THAT(overheard_.Heard(), ElementsAre(TextOf(Told(1)), TextOf(second)));
}

TEST_F(StepReporterTest, TheSpeedFollowsSlowlyAndIsFinite) {
  std::vector<std::string> told;
  const auto report = [&](StepReporter& reporter, uint64_t step, double seconds, double speed) {
    Counters counters = CountersAt(step);
    reporter.OnStep(static_cast<int64_t>(step), outcome_, seconds, counters, 0.4375,
                    {0.875, 0.625});
    GateSnapshot snapshot = Told(step);
    snapshot.counters = counters;
    snapshot.images_per_second = speed;
    told.push_back(TextOf(snapshot));
  };
  StepReporter quick = Reporter();
  report(quick, 1, 0.0, 24 / 1e-9);
  StepReporter slow = Reporter();
  report(slow, 2, 1.0, 24.0);
  report(slow, 3, 2.0, 24.0 / (0.9 * 1.0 + 0.1 * 2.0));
  EXPECT_EQ(overheard_.Heard(), told);
}

TEST_F(StepReporterTest, RateAlertsAreSilentWhereNoRateIsKept) {
  StepReporter reporter = Reporter();
  std::vector<std::string> told;
  const auto report = [&](uint64_t step, uint32_t layers, bool silent) {
    Counters counters = CountersAt(step);
    counters.layer_count = layers;
    reporter.OnStep(static_cast<int64_t>(step), outcome_, kStepSeconds, counters, 0.4375,
                    {0.875, 0.625});
    GateSnapshot snapshot = Told(step);
    snapshot.counters = counters;
    snapshot.rate_alerts_silent = silent;
    told.push_back(TextOf(snapshot));
  };
  report(1, 2, false);
  report(2, 0, true);
  model_->settings().shadow = true;
  report(3, 2, true);
  model_->settings().shadow = false;
  model_->settings().opening = 0.01;
  report(4, 2, true);
  model_->settings().opening = 0.0;
  report(5, 2, false);
  EXPECT_EQ(overheard_.Heard(), told);
}

TEST_F(StepReporterTest, AtTheEndTheNewestIsToldAgainWithWhatTheLastEvaluationFound) {
  StepReporter reporter = Reporter();
  Report(reporter, 2);
  Report(reporter, 3);
  Counters counters = Told(3).counters;
  counters.inference.Add(1500);
  reporter.OnEnd(counters, {0.9375, std::nullopt});
  GateSnapshot end = Told(3);
  end.counters = counters;
  end.accuracy_dense = 0.9375;
  end.accuracy_gated = std::nullopt;
  EXPECT_THAT(overheard_.Heard(), ElementsAre(TextOf(Told(2)), TextOf(Told(3)), TextOf(end)));
}

TEST_F(StepReporterTest, ARunWithoutAStepTellsNothing) {
  Reporter().OnEnd(CountersAt(0), {0.5, 0.5});
  EXPECT_THAT(overheard_.Heard(), IsEmpty());
}

TEST_F(StepReporterTest, ALineSaysWhatTheStepDid) {
  config_.progress_seconds = 1e-9;
  EXPECT_THAT(Lines(true), ElementsAre(HasSubstr("step 1/4  96.0 img/s  eta 0:01  loss 0.7500  "
                                                 "r 0.30  theta 0.125  lr 3.1e-02  directive 7"),
                                       HasSubstr("step 2/4"), HasSubstr("step 3/4"),
                                       HasSubstr("step 4/4  96.0 img/s  eta 0:00")));
}

TEST_F(StepReporterTest, TheLastStepHasALineHoweverLongThePeriod) {
  config_.progress_seconds = 1e6;
  EXPECT_THAT(Lines(true), ElementsAre(HasSubstr("step 4/4")));
}

TEST_F(StepReporterTest, ARankThatDoesNotShowIsQuiet) {
  config_.progress_seconds = 1e-9;
  EXPECT_THAT(Lines(false), IsEmpty());
}

}  // namespace
}  // namespace sluice::train

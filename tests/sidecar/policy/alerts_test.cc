#include "sidecar/policy/alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A run in good health, told of one thing after another.
struct Watched {
  Watched() {
    input.step = 10;
    input.layers = {{2, 0.5, 0.4}};
    input.ranks = {{0, true, now}};
  }
  // A window closes at `step`.
  void Window(uint64_t step) {
    input.step = step;
    input.window_end = step;
    Look();
    input.window_end.reset();
  }
  void Look() { state = EvaluateAlerts(state, input, now, limits); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Alert& alert : state.firing) names.push_back(alert.name);
    return names;
  }
  // The one alert that fires.
  const Alert& Only() const {
    EXPECT_EQ(state.firing.size(), 1u);
    static const Alert none;
    return state.firing.empty() ? none : state.firing[0];
  }
  AlertLimits limits;
  AlertInput input;
  AlertState state;
  AlertTime now = AlertTime(seconds(1000));
};

TEST(Alerts, AHealthyRunHasNone) {
  Watched run;
  for (uint64_t step = 10; step <= 300; step += 10) run.Window(step);
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, ActivationRateOutsideItsRangeFiresAndClears) {
  Watched run;
  run.input.layers = {{2, 0.10, 0.4}, {4, 0.90, 0.4}};
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());  // The bounds are inside.
  run.input.layers = {{2, 0.05, 0.4}, {4, 0.95, 0.4}};
  run.Look();
  EXPECT_EQ(run.Only().name, "activation_rate");
  EXPECT_EQ(run.Only().reason,
            "layer 2: activation rate 0.050, expected in [0.10, 0.90]; "
            "layer 4: activation rate 0.950, expected in [0.10, 0.90]");
  run.input.layers = {{2, 0.5, 0.4}, {4, 0.5, 0.4}};
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, ARunThatAsksForSilenceHasNoRateAlert) {
  Watched run;
  run.input.layers = {{2, 1.0, 0.4}};
  run.input.rates_silent = true;
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
  run.input.scale = 5.0;  // Others are not silent.
  run.Look();
  EXPECT_THAT(run.Names(), ElementsAre("gradient_scale"));
  run.input.rates_silent = false;
  run.Look();
  EXPECT_THAT(run.Names(), ElementsAre("activation_rate", "gradient_scale"));
}

TEST(Alerts, AnAlertThatGoesOnKeepsItsStep) {
  Watched run;
  run.input.layers = {{2, 0.05, 0.4}};
  run.Window(20);
  run.input.layers = {{2, 0.04, 0.4}};
  run.Window(30);
  EXPECT_EQ(run.Only().since_step, 20u);
  EXPECT_THAT(run.Only().reason, ::testing::HasSubstr("0.040"));
  run.input.layers = {{2, 0.5, 0.4}};
  run.Window(40);
  run.input.layers = {{2, 0.05, 0.4}};
  run.Window(50);
  EXPECT_EQ(run.Only().since_step, 50u);
}

TEST(Alerts, DriftIsMeasuredOverItsSteps) {
  Watched run;
  // 1 % per window of ten steps, compounded: over 15 % only where a hundred steps are compared.
  double average = 0.4;
  for (uint64_t step = 10; step <= 100; step += 10) {
    run.input.layers[0].average = average;
    run.Window(step);
    EXPECT_THAT(run.Names(), IsEmpty()) << step;
    average *= 1.016;
  }
  run.input.layers[0].average = average;
  run.Window(110);
  EXPECT_EQ(run.Only().name, "entropy_drift");
  EXPECT_EQ(run.Only().reason,
            "layer 2: score average 0.4688 at step 110, was 0.4000 at step 10, expected within "
            "15 %");
  for (uint64_t step = 120; step <= 160; step += 10) run.Window(step);
  EXPECT_THAT(run.Names(), IsEmpty());  // It has stayed where it went.
  EXPECT_LE(run.state.averages.size(), 11u);
}

TEST(Alerts, ADriftDownCountsTooAndARestoreBeginsAnew) {
  Watched run;
  for (uint64_t step = 10; step <= 100; step += 10) run.Window(step);
  run.input.layers[0].average = 0.3;
  run.Window(110);
  EXPECT_THAT(run.Names(), ElementsAre("entropy_drift"));
  run.Window(20);  // A checkpoint's step: what came after it is forgotten.
  EXPECT_EQ(run.state.averages.size(), 2u);
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, LongWindowsCompareWithTheOneBefore) {
  Watched run;
  run.Window(1000);
  run.input.layers[0].average = 0.5;
  run.Window(2000);
  EXPECT_THAT(run.Names(), ElementsAre("entropy_drift"));
}

TEST(Alerts, AProbeAboveItsBoundFires) {
  Watched run;
  run.input.probes = {{"new", 0.02, 0.02}, {"old", 0.021, 0.02}, {"noisy", 0.05, 0.06}};
  run.Look();
  EXPECT_EQ(run.Only().name, "probe_delta");
  EXPECT_EQ(run.Only().reason,
            "probe old: loss +2.10 % over its baseline, expected at most +2.00 %");
  run.input.probes[1].delta = 0.01;
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
  run.input.probes[2].delta = 0.07;  // Above the limit that its noise gives it.
  run.Look();
  EXPECT_EQ(run.Only().reason,
            "probe noisy: loss +7.00 % over its baseline, expected at most +6.00 %");
}

TEST(Alerts, AScaleAboveFourFires) {
  Watched run;
  run.input.scaled_group = "blocks.1.mlp";
  run.input.scale = 4.0;
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
  run.input.scale = 4.5;
  run.Look();
  EXPECT_EQ(run.Only().reason, "group blocks.1.mlp: scale 4.5, expected at most 4");
}

TEST(Alerts, ARankWithoutAStreamIsLostAfterAWhile) {
  Watched run;
  run.input.ranks.push_back({1, false, run.now});
  run.now += seconds(15);
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
  run.now += seconds(1);
  run.Look();
  EXPECT_EQ(run.Only().name, "lost_rank");
  EXPECT_EQ(run.Only().reason, "rank 1 has had no stream for more than 15 s");
  run.input.ranks[1] = {1, true, run.now};
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, AStreamThatSaysNothingIsLostTelemetry) {
  Watched run;
  run.now += seconds(120);
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
  run.now += seconds(1);
  run.Look();
  EXPECT_EQ(run.Only().reason, "rank 0 has sent nothing for more than 120 s");
  EXPECT_EQ(run.Only().name, "lost_telemetry");
  run.input.ended = true;
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, ADirectiveThatIsNotAppliedIsAMismatchAfterItsSteps) {
  Watched run;
  run.input.version_in_force = 3;
  run.state.applied_version = 2;
  run.Window(10);
  run.Window(110);
  EXPECT_THAT(run.Names(), IsEmpty());
  run.Window(111);
  EXPECT_EQ(run.Only().name, "directive_mismatch");
  EXPECT_EQ(run.Only().reason,
            "the run says version 2 is in force, expected 3 or newer within 100 steps of step 10");
  run.state.applied_version = 3;
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, DirectivesThatAreMadeFasterThanAppliedAreNoMismatch) {
  Watched run;
  for (uint64_t step = 10; step <= 500; step += 10) {
    run.input.version_in_force = step / 10;
    run.state.applied_version = step / 10 - 1;  // Always one behind.
    run.Window(step);
    EXPECT_THAT(run.Names(), IsEmpty()) << step;
  }
  run.state.applied_version = 60;  // Of nobody's making.
  run.Window(510);
  run.Window(620);
  EXPECT_THAT(run.Names(), ElementsAre("directive_mismatch"));
}

TEST(Alerts, ARefusedDirectiveFiresUntilAnotherIsInForce) {
  Watched run;
  run.input.version_in_force = run.state.applied_version = 3;
  run.state.refused_version = 2;  // Long replaced.
  run.state.refused_why = "theta is 7";
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
  run.state.refused_version = 3;
  run.Look();
  EXPECT_EQ(run.Only().reason, "version 3 was refused: theta is 7");
  run.input.version_in_force = 4;
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, RefusedNumbersFireUntilAWindowWithoutThem) {
  Watched run;
  run.state.refused_numbers = 2;
  run.state.refused_number = "loss is nan";
  run.Look();
  EXPECT_EQ(run.Only().name, "non_finite");
  EXPECT_EQ(run.Only().reason,
            "2 messages refused for a number, expected 0; the newest: loss is nan");
  run.Window(20);
  EXPECT_THAT(run.Names(), ElementsAre("non_finite"));
  run.Look();
  EXPECT_THAT(run.Names(), ElementsAre("non_finite"));
  run.Window(30);
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, ACheckpointThatWasNotSavedIsNamed) {
  Watched run;
  run.state.checkpoint_error = "disk full";
  run.Look();
  EXPECT_EQ(run.Only().name, "checkpoint_failed");
  EXPECT_EQ(run.Only().reason, "the newest checkpoint was not saved: disk full");
  run.state.checkpoint_error.clear();
  run.Look();
  EXPECT_THAT(run.Names(), IsEmpty());
}

TEST(Alerts, AReasonNamesAFewAndCountsTheRest) {
  Watched run;
  run.input.ranks.clear();
  for (uint32_t rank = 0; rank < 100000; ++rank) run.input.ranks.push_back({rank, false, run.now});
  run.now += seconds(16);
  run.Look();
  EXPECT_EQ(run.Only().name, "lost_rank");
  EXPECT_LT(run.Only().reason.size(), 1000u);
  EXPECT_THAT(run.Only().reason, ::testing::HasSubstr("rank 7 has had no stream"));
  EXPECT_THAT(run.Only().reason, ::testing::EndsWith("; and 99992 more"));
}

}  // namespace
}  // namespace sluice::sidecar

// The breaker of a run, from probe checks to directives, through the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/engine/run_health.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;
using testing::HelloOf;
using ::testing::IsEmpty;

class RunBreaker : public testing::RunHealth {};

TEST_F(RunBreaker, ThreeWorseChecksTightenTheGateAtOnce) {
  Checks(10, 2, 0.05);
  EXPECT_THAT(sink_->directives, IsEmpty());
  bench_->Send(sink_, {"r", 0, 0, 0, 100, seq_},  // Sent again: it counts once.
               Event{"probe", "old", 20, "{}", ProbeCheck{20, 0.05, 0.0}, false});
  EXPECT_THAT(sink_->directives, IsEmpty());
  Check(30, 0.05);
  ASSERT_EQ(sink_->directives.size(), 1u);
  const Directive& directive = sink_->directives[0];
  EXPECT_EQ(directive.breaker_level, 1u);
  EXPECT_EQ(directive.breaker_action, BreakerAction::kTighten);
  EXPECT_EQ(directive.based_on_step, 30u);
  EXPECT_NEAR(directive.layers[0].threshold, 0.35, 1e-12);
  EXPECT_THAT(directive.reason, HasSubstr("level 0 to 1 (tighten)"));
  EXPECT_EQ(Record().steering[0].sent_base, 0.3);
  EXPECT_EQ(Record().probes.at("old"), (ProbeState{30, 0.05, 0.02, 0, 3}));
}

TEST_F(RunBreaker, TheLadderUpToTheRollBackAndBehindIt) {
  Checks(10, 15, 0.5);
  ASSERT_EQ(sink_->directives.size(), 5u);
  EXPECT_EQ(sink_->directives[2].breaker_action, BreakerAction::kRehearse);
  EXPECT_EQ(sink_->directives[2].rehearsal_share, 0.25);
  EXPECT_EQ(sink_->directives[3].breaker_action, BreakerAction::kFreezeBackbone);
  EXPECT_EQ(sink_->directives[3].rehearsal_share, 0.25);
  EXPECT_EQ(sink_->directives[4].breaker_action, BreakerAction::kRollBack);
  EXPECT_NEAR(sink_->directives[4].layers[0].threshold, 0.4, 1e-12);
  // A later directive keeps what holds, and does not roll back once more.
  bench_->Apply(SetThresholdCommand{"r", testing::kLayer, 0.5, "try", [](const auto&) {}});
  EXPECT_EQ(sink_->directives.back().breaker_action, BreakerAction::kFreezeBackbone);
  EXPECT_EQ(sink_->directives.back().breaker_level, 5u);
  // The run is at step 20 again: its checks are of other weights.
  Greet(HelloOf("j", 1, 20), 1);
  EXPECT_EQ(Record().probes.at("old").step, 20u);
  Checks(30, 3, 0.0);
  ASSERT_EQ(sink_->directives.size(), 1u);
  EXPECT_EQ(sink_->directives[0].breaker_level, 4u);
}

TEST_F(RunBreaker, AnAnsweredRollBackIsOverAndChecksCountAnew) {
  Checks(10, 15, 0.5);
  ASSERT_EQ(sink_->directives.back().breaker_action, BreakerAction::kRollBack);
  Check(160, 0.5);  // Of the weights that are given up.
  Event done{"breaker", "5", 170, "{}", {}, false};
  done.rolled_back = true;
  bench_->Send(sink_, {"r", 0, generation_, 0, 100, ++seq_}, done);
  ASSERT_EQ(sink_->directives.size(), 6u);
  EXPECT_EQ(sink_->directives[5].breaker_action, BreakerAction::kFreezeBackbone);
  EXPECT_EQ(sink_->directives[5].breaker_level, kRollBack);
  EXPECT_FALSE(Record().breaker.awaits_roll_back);
  EXPECT_EQ(Record().breaker.since_step, 170u);
  Checks(180, 2, 0.5);
  EXPECT_EQ(sink_->directives.size(), 6u);
  EXPECT_EQ(Record().breaker.streaks.at("old").worse, 2u);
  // Told again, it changes nothing.
  bench_->Send(sink_, {"r", 0, generation_, 0, 100, seq_}, done);
  EXPECT_EQ(sink_->directives.size(), 6u);
}

TEST_F(RunBreaker, ARungThatWasNotTakenChangesNothingElse) {
  Checks(10, 9, 0.5);
  ASSERT_EQ(sink_->directives.back().breaker_action, BreakerAction::kRehearse);
  Event failed{"breaker", "3", 100, "{}", {}, false};
  failed.detail = "nothing to rehearse";
  bench_->Send(sink_, {"r", 0, generation_, 0, 100, ++seq_}, failed);
  EXPECT_EQ(sink_->directives.size(), 3u);
  EXPECT_EQ(Record().breaker.level, kRehearse);
}

TEST_F(RunBreaker, AnyOtherRestoreRepeatsChecksThatWereCounted) {
  Checks(10, 2, 0.05);
  Greet(HelloOf("j", 1, 10), 1);  // After the first of them.
  Check(20, 0.05);
  EXPECT_EQ(Record().breaker.level, 0u);
  Check(30, 0.05);
  EXPECT_EQ(Record().breaker.level, 1u);
  EXPECT_EQ(Record().probes.at("old").worse, 3u);
}

TEST_F(RunBreaker, ARestartInTheMiddleOfACountGoesOnWithIt) {
  Checks(10, 5, 0.05);
  ASSERT_EQ(Record().breaker.level, 1u);
  Restart();
  EXPECT_EQ(Record().breaker.streaks.at("old").worse, 2u);
  Check(60, 0.05);
  ASSERT_EQ(sink_->directives.size(), 1u);
  EXPECT_EQ(sink_->directives[0].breaker_level, 2u);
  EXPECT_EQ(sink_->directives[0].version, 2u);
  EXPECT_NEAR(sink_->directives[0].layers[0].threshold, 0.4, 1e-12);
}

TEST_F(RunBreaker, AResetTakesItBackToLevelZero) {
  absl::StatusOr<Directive> answer = absl::UnknownError("none");
  const auto done = [&answer](const absl::StatusOr<Directive>& a) { answer = a; };
  bench_->Apply(ResetBreakerCommand{"r", "try", done});
  EXPECT_EQ(answer.status().message(), "breaker is closed");
  Checks(10, 9, 0.05);
  bench_->Apply(ResetBreakerCommand{"r", "probe was wrong", done});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->breaker_level, 0u);
  EXPECT_EQ(answer->breaker_action, BreakerAction::kNone);
  EXPECT_EQ(answer->rehearsal_share, 0.0);
  EXPECT_NEAR(answer->layers[0].threshold, 0.3, 1e-12);
  EXPECT_THAT(answer->reason, HasSubstr("reset by hand: probe was wrong"));
  EXPECT_EQ(sink_->directives.back(), *answer);
  bench_->Apply(ResetBreakerCommand{"x", "try", done});
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RunBreaker, AResetAtLevelZeroGivesRollBacksBack) {
  Checks(10, 15, 0.5);
  Checks(160, 15, 0.0);
  ASSERT_EQ(Record().breaker.level, 0u);
  ASSERT_EQ(Record().breaker.rollbacks, 1u);
  bench_->Apply(ResetBreakerCommand{"r", "", [](const auto& a) { EXPECT_TRUE(a.ok()); }});
  EXPECT_EQ(Record().breaker.rollbacks, 0u);
}

TEST_F(RunBreaker, AnotherTrainingBeginsWithAClosedBreaker) {
  Checks(10, 6, 0.05);
  bench_->Apply(StreamClosed{sink_});
  Greet(HelloOf("other", 1), 0);
  EXPECT_EQ(Record().breaker, BreakerState{});
  EXPECT_TRUE(Record().probes.empty());
  EXPECT_EQ(Record().alerts.firing, std::vector<Alert>());
}

TEST_F(RunBreaker, ProbesBeyondTheBoundAreCountedTogetherAndSteerNothing) {
  for (size_t i = 0; i < kMaxProbes; ++i) Check(10, 0.0, "p" + std::to_string(i));
  for (int i = 0; i < 5; ++i) Check(10 + i, 0.5, "late" + std::to_string(i));
  for (int i = 0; i < 5; ++i) Check(20 + i, 0.5, "late");
  Check(40, 0.0, "later");
  EXPECT_EQ(Record().probes.size(), kMaxProbes + 1);
  EXPECT_EQ(Record().probes.at(kOtherProbes).worse, 10u);
  EXPECT_EQ(Record().probes.at(kOtherProbes).ok, 1u);
  EXPECT_EQ(Record().breaker.level, 0u);
  EXPECT_EQ(Record().breaker.streaks.size(), kMaxProbes);
  Check(50, 0.0, "p7");
  EXPECT_EQ(Record().probes.at("p7").ok, 2u);
}

}  // namespace
}  // namespace sluice::sidecar

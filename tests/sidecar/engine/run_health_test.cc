// Probes, the breaker and alerts of a run, through the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/store/record_json.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;
using testing::Bench;
using ::testing::ElementsAre;
using testing::FakeSink;
using ::testing::HasSubstr;
using testing::HelloOf;
using ::testing::IsEmpty;
using testing::SnapshotAt;

// A run of one rank with one probe, under a breaker that may do all it can.
class RunHealth : public ::testing::Test {
 protected:
  RunHealth() {
    options_.breaker.last_rung = "rollback";
    Begin({}, HelloOf("i", 1), 0);
  }
  void Begin(StoredState stored, const Hello& hello, uint32_t generation) {
    bench_ = std::make_unique<Bench>(options_, std::move(stored));
    Greet(hello, generation);
  }
  void Greet(const Hello& hello, uint32_t generation) {
    generation_ = generation;
    seq_ = 0;
    sink_ = bench_->Greet({"r", 0, generation, 0, 100 + generation, 0}, hello);
  }
  void Send(const Body& body) {
    bench_->Send(sink_, {"r", 0, generation_, 0, 100 + generation_, ++seq_}, body);
  }
  void Check(uint64_t step, double delta, const std::string& probe = "old") {
    Event event{"probe", probe, step, "{}", ProbeCheck{step, delta, 0.0}, false};
    Send(event);
  }
  // All tokens are closed up to this step: a rate of 0, below every bound.
  void SendClosed(uint64_t step, bool silent) {
    GateSnapshot snapshot = SnapshotAt(step);
    snapshot.rate_alerts_silent = silent;
    snapshot.counters.layers[0].tokens_open = 0;
    snapshot.counters.layers[0].tokens_closed = 10 * step;
    Send(snapshot);
  }
  // Checks at steps first, first + 10, ...
  void Checks(uint64_t first, int count, double delta) {
    for (int i = 0; i < count; ++i) Check(first + 10 * i, delta);
  }
  // The sidecar ends and begins again: what it knows is what it wrote.
  void Restart() {
    StoredState stored;
    stored.runs.push_back(*RunFromJson(RunToJson(Record())));
    const uint32_t generation = generation_;
    Begin(std::move(stored), HelloOf("i", 1), generation);
  }
  const RunRecord& Record() {
    view_ = bench_->View();
    return view_->record;
  }
  std::vector<std::string> Firing() {
    std::vector<std::string> names;
    for (const Alert& alert : Record().alerts.firing) names.push_back(alert.name);
    return names;
  }
  PolicyOptions options_;
  std::unique_ptr<Bench> bench_;
  std::shared_ptr<FakeSink> sink_;
  std::shared_ptr<const RunView> view_;
  uint32_t generation_ = 0;
  uint64_t seq_ = 0;
};

TEST_F(RunHealth, ThreeWorseChecksTightenTheGateAtOnce) {
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

TEST_F(RunHealth, TheLadderUpToTheRollBackAndBehindIt) {
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

TEST_F(RunHealth, AnAnsweredRollBackIsOverAndChecksCountAnew) {
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

TEST_F(RunHealth, ARungThatWasNotTakenChangesNothingElse) {
  Checks(10, 9, 0.5);
  ASSERT_EQ(sink_->directives.back().breaker_action, BreakerAction::kRehearse);
  Event failed{"breaker", "3", 100, "{}", {}, false};
  failed.detail = "nothing to rehearse";
  bench_->Send(sink_, {"r", 0, generation_, 0, 100, ++seq_}, failed);
  EXPECT_EQ(sink_->directives.size(), 3u);
  EXPECT_EQ(Record().breaker.level, kRehearse);
}

TEST_F(RunHealth, AnyOtherRestoreRepeatsChecksThatWereCounted) {
  Checks(10, 2, 0.05);
  Greet(HelloOf("j", 1, 10), 1);  // After the first of them.
  Check(20, 0.05);
  EXPECT_EQ(Record().breaker.level, 0u);
  Check(30, 0.05);
  EXPECT_EQ(Record().breaker.level, 1u);
  EXPECT_EQ(Record().probes.at("old").worse, 3u);
}

TEST_F(RunHealth, ARestartInTheMiddleOfACountGoesOnWithIt) {
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

TEST_F(RunHealth, AResetTakesItBackToLevelZero) {
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

TEST_F(RunHealth, AResetAtLevelZeroGivesRollBacksBack) {
  Checks(10, 15, 0.5);
  Checks(160, 15, 0.0);
  ASSERT_EQ(Record().breaker.level, 0u);
  ASSERT_EQ(Record().breaker.rollbacks, 1u);
  bench_->Apply(ResetBreakerCommand{"r", "", [](const auto& a) { EXPECT_TRUE(a.ok()); }});
  EXPECT_EQ(Record().breaker.rollbacks, 0u);
}

TEST_F(RunHealth, AnotherTrainingBeginsWithAClosedBreaker) {
  Checks(10, 6, 0.05);
  bench_->Apply(StreamClosed{sink_});
  Greet(HelloOf("other", 1), 0);
  EXPECT_EQ(Record().breaker, BreakerState{});
  EXPECT_TRUE(Record().probes.empty());
  EXPECT_EQ(Record().alerts.firing, std::vector<Alert>());
}

TEST_F(RunHealth, ProbesBeyondTheBoundAreCountedTogetherAndSteerNothing) {
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

TEST_F(RunHealth, AnAlertIsDurableAndKeepsItsStepOverARestart) {
  Check(10, 0.05);
  Send(SnapshotAt(12));
  EXPECT_THAT(Firing(), ElementsAre("probe_delta"));
  Restart();
  Check(20, 0.06);
  EXPECT_THAT(Firing(), ElementsAre("probe_delta"));
  EXPECT_EQ(Record().alerts.firing[0].since_step, 0u);
  EXPECT_THAT(Record().alerts.firing[0].reason, HasSubstr("+6.00 %"));
  Check(30, 0.01);
  EXPECT_THAT(Firing(), IsEmpty());
}

TEST_F(RunHealth, ACheckWithinItsNoiseIsNoAlert) {
  Send(Event{"probe", "old", 10, "{}", ProbeCheck{10, 0.05, 0.03}, false});
  EXPECT_THAT(Firing(), IsEmpty());
  Send(Event{"probe", "old", 20, "{}", ProbeCheck{20, 0.05, 0.02}, false});
  EXPECT_THAT(Firing(), ElementsAre("probe_delta"));
  EXPECT_EQ(Record().probes.at("old").worse, 1u);
}

TEST_F(RunHealth, EventsThatComeLateSayNothingOfNewerDirectives) {
  for (int i = 0; i < 2; ++i) {
    bench_->Apply(SetThresholdCommand{"r", testing::kLayer, 0.4 + 0.1 * i, "", [](const auto&) {}});
  }
  Send(Event{"directive_refused", "2", 0, "{}", {}, false, 2, "theta is 7"});
  Send(Event{"directive_refused", "1", 0, "{}", {}, false, 1, "theta is 9"});
  ASSERT_THAT(Firing(), ElementsAre("directive_mismatch"));
  EXPECT_THAT(Record().alerts.firing[0].reason, HasSubstr("version 2 was refused: theta is 7"));
  Send(Event{"directive_applied", "2", 9, "{}", {}, false, 2});
  Send(Event{"directive_applied", "1", 8, "{}", {}, false, 1});
  EXPECT_EQ(Record().alerts.applied_version, 2u);
}

TEST_F(RunHealth, WatchersHearOfAnAlertsBeginAndEnd) {
  const uint64_t before = bench_->View()->revision;
  Check(10, 0.05);
  EXPECT_EQ(bench_->View()->revision, before + 1);
  Check(20, 0.06);  // The same alert, another value.
  EXPECT_EQ(bench_->View()->revision, before + 1);
  Check(30, 0.0);
  EXPECT_EQ(bench_->View()->revision, before + 2);
}

TEST_F(RunHealth, TimeAloneRaisesALostRank) {
  const AlertTime start = AlertTime(seconds(5000));
  EXPECT_FALSE(bench_->engine.Tick(start));
  bench_->Apply(StreamClosed{sink_});
  EXPECT_FALSE(bench_->engine.Tick(start + seconds(15)));
  EXPECT_THAT(Firing(), IsEmpty());
  EXPECT_TRUE(bench_->engine.Tick(start + seconds(16)));
  EXPECT_EQ(bench_->engine.PendingChanges().runs.size(), 1u);
  bench_->engine.Committed();
  EXPECT_THAT(Firing(), ElementsAre("lost_rank"));
  EXPECT_FALSE(bench_->engine.Tick(start + seconds(17)));  // Nothing new.
  Greet(HelloOf("i", 1), 0);
  EXPECT_THAT(Firing(), IsEmpty());
}

TEST_F(RunHealth, ASilentStreamIsLostTelemetryUntilItSpeaks) {
  const AlertTime start = AlertTime(seconds(5000));
  bench_->engine.Tick(start);
  bench_->engine.Tick(start + seconds(100));
  Send(SnapshotAt(1));
  EXPECT_FALSE(bench_->engine.Tick(start + seconds(220)));
  EXPECT_TRUE(bench_->engine.Tick(start + seconds(221)));
  EXPECT_THAT(Firing(), ElementsAre("lost_telemetry"));
  Send(SnapshotAt(2));
  EXPECT_THAT(Firing(), IsEmpty());
}

TEST_F(RunHealth, ARankThatNeverCameIsLost) {
  Begin({}, HelloOf("i", 2), 0);
  const AlertTime start = AlertTime(seconds(5000));
  bench_->engine.Tick(start);
  EXPECT_TRUE(bench_->engine.Tick(start + seconds(16)));
  EXPECT_EQ(Record().alerts.firing[0].reason, "rank 1 has had no stream for more than 15 s");
}

TEST_F(RunHealth, RefusedNumbersAndDirectivesFire) {
  bench_->Apply(RejectedMessage{sink_, ++seq_, Refuse(RefusalReason::kStale, "old")});
  EXPECT_THAT(Firing(), IsEmpty());
  bench_->Apply(RejectedMessage{sink_, ++seq_, Refuse(RefusalReason::kOutOfRange, "loss is nan")});
  EXPECT_THAT(Firing(), ElementsAre("non_finite"));
  bench_->Apply(SetThresholdCommand{"r", testing::kLayer, 0.4, "try", [](const auto&) {}});
  Send(Event{"directive_refused", "1", 0, "{}", {}, false, 1, "theta is 7"});
  EXPECT_THAT(Firing(), ElementsAre("directive_mismatch", "non_finite"));
  EXPECT_THAT(Record().alerts.firing[0].reason, HasSubstr("version 1 was refused: theta is 7"));
  Send(Event{"directive_applied", "1", 9, "{}", {}, false, 1});
  EXPECT_EQ(Record().alerts.applied_version, 1u);
}

TEST_F(RunHealth, AWindowWithSilentStepsRaisesNoRateAlert) {
  for (uint64_t step = 1; step <= 15; ++step) SendClosed(step, true);
  for (uint64_t step = 16; step <= 29; ++step) SendClosed(step, false);
  EXPECT_THAT(Firing(), IsEmpty());  // The window up to step 20 began in silence.
  SendClosed(30, false);
  EXPECT_THAT(Firing(), ElementsAre("activation_rate"));
  EXPECT_EQ(Record().alerts.firing[0].since_step, 30u);
}

TEST_F(RunHealth, StepsThatWereMergedMayHaveBeenSilent) {
  for (uint64_t step = 1; step <= 8; ++step) SendClosed(step, true);
  for (uint64_t step = 15; step <= 29; ++step) SendClosed(step, false);  // 9 to 15 are one.
  EXPECT_THAT(Firing(), IsEmpty());
  SendClosed(30, false);
  EXPECT_THAT(Firing(), ElementsAre("activation_rate"));
}

}  // namespace
}  // namespace sluice::sidecar

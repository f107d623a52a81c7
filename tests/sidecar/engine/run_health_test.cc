// Alerts of a run, and what watchers hear of them, through the engine.
#include "tests/sidecar/engine/run_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HelloOf;
using ::testing::IsEmpty;
using testing::SnapshotAt;

class RunAlerts : public testing::RunHealth {};

TEST_F(RunAlerts, AnAlertIsDurableAndKeepsItsStepOverARestart) {
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

TEST_F(RunAlerts, ACheckWithinItsNoiseIsNoAlert) {
  Send(Event{"probe", "old", 10, "{}", ProbeCheck{10, 0.05, 0.03}, false});
  EXPECT_THAT(Firing(), IsEmpty());
  Send(Event{"probe", "old", 20, "{}", ProbeCheck{20, 0.05, 0.02}, false});
  EXPECT_THAT(Firing(), ElementsAre("probe_delta"));
  EXPECT_EQ(Record().probes.at("old").worse, 1u);
}

TEST_F(RunAlerts, EventsThatComeLateSayNothingOfNewerDirectives) {
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

TEST_F(RunAlerts, WatchersHearOfAnAlertsBeginAndEnd) {
  const uint64_t before = bench_->View()->revision;
  Check(10, 0.05);
  EXPECT_EQ(bench_->View()->revision, before + 1);
  Check(20, 0.06);  // The same alert, another value.
  EXPECT_EQ(bench_->View()->revision, before + 1);
  Check(30, 0.0);
  EXPECT_EQ(bench_->View()->revision, before + 2);
}

TEST_F(RunAlerts, TimeAloneRaisesALostRank) {
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

TEST_F(RunAlerts, ASilentStreamIsLostTelemetryUntilItSpeaks) {
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

TEST_F(RunAlerts, ARankThatNeverCameIsLost) {
  Begin({}, HelloOf("i", 2), 0);
  const AlertTime start = AlertTime(seconds(5000));
  bench_->engine.Tick(start);
  EXPECT_TRUE(bench_->engine.Tick(start + seconds(16)));
  EXPECT_EQ(Record().alerts.firing[0].reason, "rank 1 has had no stream for more than 15 s");
}

TEST_F(RunAlerts, RefusedNumbersAndDirectivesFire) {
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

TEST_F(RunAlerts, ACheckpointThatWasNotSavedFiresUntilOneIs) {
  const auto checkpoint = [](const std::string& name, const std::string& error) {
    Event event{error.empty() ? "checkpoint" : "checkpoint_failed", name, 5, "{}", {}, false};
    event.detail = error;
    return event;
  };
  Send(checkpoint("a", ""));
  EXPECT_THAT(Firing(), IsEmpty());
  Send(checkpoint("b", "write b: No space left on device"));
  EXPECT_THAT(Firing(), ElementsAre("checkpoint_failed"));
  EXPECT_EQ(Record().alerts.firing[0].reason,
            "the newest checkpoint was not saved: write b: No space left on device");
  Send(checkpoint("c", ""));
  EXPECT_THAT(Firing(), IsEmpty());
}

TEST_F(RunAlerts, AWindowWithSilentStepsRaisesNoRateAlert) {
  for (uint64_t step = 1; step <= 15; ++step) SendClosed(step, true);
  for (uint64_t step = 16; step <= 29; ++step) SendClosed(step, false);
  EXPECT_THAT(Firing(), IsEmpty());  // The window up to step 20 began in silence.
  SendClosed(30, false);
  EXPECT_THAT(Firing(), ElementsAre("activation_rate"));
  EXPECT_EQ(Record().alerts.firing[0].since_step, 30u);
}

TEST_F(RunAlerts, StepsThatWereMergedMayHaveBeenSilent) {
  for (uint64_t step = 1; step <= 8; ++step) SendClosed(step, true);
  for (uint64_t step = 15; step <= 29; ++step) SendClosed(step, false);  // 9 to 15 are one.
  EXPECT_THAT(Firing(), IsEmpty());
  SendClosed(30, false);
  EXPECT_THAT(Firing(), ElementsAre("activation_rate"));
}

}  // namespace
}  // namespace sluice::sidecar

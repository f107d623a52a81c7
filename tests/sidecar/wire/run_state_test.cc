#include "sidecar/wire/run_state.h"

#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

TEST(RunStateToProto, ShowsTheRunAndLeavesHistogramsOutOfTheBriefForm) {
  testing::Bench bench;
  auto sink = bench.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 1));
  for (uint64_t s = 1; s <= 12; ++s) {
    GateSnapshot snapshot = testing::SnapshotAt(s);
    snapshot.compute_saved_ratio = 0.5;
    bench.Send(sink, {"r", 0, 0, 0, 1, s}, snapshot);
  }
  v1::RunState full;
  RunStateToProto(*bench.View(), false, &full);
  EXPECT_EQ(full.step(), 12u);
  EXPECT_TRUE(full.ranks(0).connected());
  EXPECT_EQ(full.counters().layers(0).score_histogram_size(), kScoreBins);
  // The threshold of the directive, not the one that the rank still reports.
  ASSERT_TRUE(full.has_directive());
  EXPECT_EQ(full.layers(0).threshold(), full.directive().layers(0).threshold());
  EXPECT_NE(full.layers(0).threshold(), 0.3);
  EXPECT_DOUBLE_EQ(full.layers(0).activation_rate(), 0.4);
  EXPECT_EQ(full.loss(), 1.5);
  EXPECT_EQ(full.compute_saved_ratio(), 0.5);
  EXPECT_TRUE(full.counters().has_inference());
  EXPECT_FALSE(full.has_accuracy_dense());
  v1::RunState brief;
  RunStateToProto(*bench.View(), true, &brief);
  EXPECT_EQ(brief.counters().layers(0).score_histogram_size(), 0);
  EXPECT_FALSE(brief.counters().has_step());
  EXPECT_FALSE(brief.counters().has_inference());
  EXPECT_EQ(brief.counters().steps(), 12u);
}

TEST(RunStateToProto, SaysWhereEachRanksNewestStepWent) {
  testing::Bench bench;
  auto sink = bench.Greet({"r", 0, 0, 1, 1, 0}, testing::HelloOf("i", 2));
  GateSnapshot snapshot = testing::SnapshotAt(2);
  snapshot.timing = StepTiming{0.1, 0.2, 0.3, 0.4, 50, 60};
  bench.Send(sink, {"r", 0, 0, 1, 1, 1}, snapshot);
  snapshot.first_step = snapshot.last_step = 1;  // Older: it came late.
  snapshot.timing->own_seconds = 9.0;
  bench.Send(sink, {"r", 0, 0, 1, 1, 2}, snapshot);
  v1::RunState state;
  RunStateToProto(*bench.View(), true, &state);
  ASSERT_EQ(state.ranks_size(), 1);
  EXPECT_EQ(
      state.ranks(0).timing().ShortDebugString(),
      "own_seconds: 0.1 backward_seconds: 0.2 communication_seconds: 0.3 exposed_seconds: 0.4 "
      "open_tokens: 50 gradient_bytes: 60");
  // The next process of the rank has not said anything yet.
  bench.Greet({"r", 0, 0, 1, 2, 0}, testing::HelloOf("i", 2));
  state.Clear();
  RunStateToProto(*bench.View(), true, &state);
  EXPECT_FALSE(state.ranks(0).has_timing());
}

TEST(RunStateToProto, ShowsAlertsProbesAndTheBreaker) {
  RunView view;
  view.record.probes["old"] = {20, 0.05, 0.03, 4, 5};
  view.record.probes[kOtherProbes] = {0, 0.0, 0.02, 6, 7};
  view.record.breaker = {2, 1, 30, "why", {{"old", {20, 2, 1}}}};
  view.record.alerts.firing = {{"lost_rank", "gone", 7}};
  view.highest_breaker_level = 4;
  view.most_rollbacks = 3;
  v1::RunState state;
  RunStateToProto(view, true, &state);
  ASSERT_EQ(state.alerts_size(), 1);
  EXPECT_EQ(state.alerts(0).ShortDebugString(),
            "name: \"lost_rank\" reason: \"gone\" since_step: 7");
  ASSERT_EQ(state.probes_size(), 2);
  EXPECT_EQ(state.probes(0).ShortDebugString(), "probe: \"(other)\" checks_ok: 6 checks_worse: 7");
  EXPECT_EQ(state.probes(1).ShortDebugString(),
            "probe: \"old\" step: 20 loss_delta: 0.05 limit: 0.03 checks_ok: 4 checks_worse: 5 "
            "worse_in_a_row: 2 calm_in_a_row: 1");
  EXPECT_EQ(state.breaker().ShortDebugString(),
            "level: 2 highest_level: 4 since_step: 30 reason: \"why\" rollbacks: 1 "
            "most_rollbacks: 3");
}

TEST(WindowToProto, EveryFieldIsCopied) {
  const WindowRecord window{"r", 1,     1,  11, 20, 0.75, {{2, 0.3, 0.25, 0.1, 0.2, 0.5, 0.4}},
                            7,   "why", 1.5};
  v1::Window proto;
  WindowToProto(window, &proto);
  EXPECT_EQ(proto.first_step(), 11u);
  EXPECT_EQ(proto.last_step(), 20u);
  EXPECT_EQ(proto.coverage(), 0.75);
  EXPECT_EQ(proto.directive_version(), 7u);
  EXPECT_EQ(proto.reason(), "why");
  EXPECT_EQ(proto.loss(), 1.5);
  const v1::LayerState& layer = proto.layers(0);
  EXPECT_EQ(layer.layer(), 2u);
  EXPECT_EQ(layer.threshold(), 0.3);
  EXPECT_EQ(layer.target_rate(), 0.25);
  EXPECT_EQ(layer.score_mean(), 0.1);
  EXPECT_EQ(layer.score_ema(), 0.2);
  EXPECT_EQ(layer.score_stddev(), 0.5);
  EXPECT_EQ(layer.activation_rate(), 0.4);
}

}  // namespace
}  // namespace sluice::sidecar

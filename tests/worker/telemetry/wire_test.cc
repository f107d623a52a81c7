#include "worker/telemetry/wire.h"

#include <gtest/gtest.h>

#include "tests/worker/telemetry/make_snapshot.h"

namespace sluice::telemetry {
namespace {

TEST(WireTest, ADirectiveComesBackUnchanged) {
  EXPECT_EQ(FromProto(ToProto(MakeDirective(3))), MakeDirective(3));
}

TEST(WireTest, UnknownBreakerActionsReachTheValidation) {
  v1::Directive directive = ToProto(MakeDirective(3));
  directive.set_breaker_action(static_cast<v1::BreakerAction>(77));
  EXPECT_FALSE(ValidateDirective(FromProto(directive), {4}).ok());
}

TEST(WireTest, ASnapshotKeepsEveryField) {
  GateSnapshot snapshot = MakeSnapshot(9);
  snapshot.first_step = 7;
  snapshot.coalesced = 2;
  snapshot.directive_version = 5;
  snapshot.learning_rate = 0.01;
  snapshot.images_per_second = 123.0;
  snapshot.rate_alerts_silent = true;
  snapshot.accuracy_dense = 0.75;
  snapshot.compute_saved_ratio = -0.25;
  snapshot.timing = StepTiming{1, 2, 3, 4, 5, 6};
  snapshot.counters.gate_decision.Add(100);
  snapshot.counters.inference.Add(3000);
  snapshot.counters.layers[0].score_sum_micro = 11;
  snapshot.counters.layers[0].score_square_sum_micro = 12;
  const v1::GateSnapshot message = ToProto(snapshot);
  EXPECT_EQ(message.first_step(), 7u);
  EXPECT_EQ(message.last_step(), 9u);
  EXPECT_EQ(message.coalesced(), 2u);
  EXPECT_EQ(message.directive_version(), 5u);
  EXPECT_EQ(message.loss(), 1.0 / 9.0);
  EXPECT_FALSE(message.has_train_accuracy());
  EXPECT_FALSE(message.has_gradient_norm());
  EXPECT_EQ(message.learning_rate(), 0.01);
  EXPECT_EQ(message.images_per_second(), 123.0);
  EXPECT_TRUE(message.rate_alerts_silent());
  EXPECT_EQ(message.accuracy_dense(), 0.75);
  EXPECT_FALSE(message.has_accuracy_gated());
  EXPECT_EQ(message.compute_saved_ratio(), -0.25);
  EXPECT_FALSE(ToProto(MakeSnapshot(9)).has_compute_saved_ratio());
  EXPECT_EQ(message.timing().ShortDebugString(),
            "own_seconds: 1 backward_seconds: 2 communication_seconds: 3 exposed_seconds: 4 "
            "open_tokens: 5 gradient_bytes: 6");
  EXPECT_FALSE(ToProto(MakeSnapshot(9)).has_timing());
  ASSERT_EQ(message.layers_size(), 1);
  EXPECT_EQ(message.layers(0).layer(), 4u);
  EXPECT_EQ(message.layers(0).threshold(), 0.25);
  EXPECT_EQ(message.layers(0).target_rate(), 0.5);
  const v1::Counters& counters = message.counters();
  EXPECT_EQ(counters.steps(), 9u);
  EXPECT_EQ(counters.images_open(), 27u);
  EXPECT_EQ(counters.images_skipped(), 9u);
  EXPECT_EQ(counters.backward_steps(), 9u);
  EXPECT_EQ(counters.gate_decision().bins_size(), kLatencyBins);
  EXPECT_EQ(counters.gate_decision().sum_micros(), 100u);
  EXPECT_EQ(counters.step().bins(11), 9u);
  EXPECT_EQ(counters.inference().bins(12), 1u);
  EXPECT_EQ(counters.inference().sum_micros(), 3000u);
  ASSERT_EQ(counters.layers_size(), 1);
  EXPECT_EQ(counters.layers(0).layer(), 4u);
  EXPECT_EQ(counters.layers(0).tokens_open(), 90u);
  EXPECT_EQ(counters.layers(0).tokens_closed(), 351u);
  EXPECT_EQ(counters.layers(0).score_sum_micro(), 11u);
  EXPECT_EQ(counters.layers(0).score_square_sum_micro(), 12u);
  ASSERT_EQ(counters.layers(0).score_histogram_size(), kScoreBins);
  EXPECT_EQ(counters.layers(0).score_histogram(7), 441u);
}

TEST(WireTest, EventsKeepEveryField) {
  v1::WorkerMessage message;
  SetBody(Event(CheckpointSaved{.step = 1, .name = "c", .bytes = 2, .micros = 3}), message);
  EXPECT_EQ(message.checkpoint_saved().ShortDebugString(),
            "step: 1 name: \"c\" bytes: 2 micros: 3");
  SetBody(Event(CheckpointSaved{.step = 1, .name = "c", .error = "disk"}), message);
  EXPECT_EQ(message.checkpoint_saved().ShortDebugString(), "step: 1 name: \"c\" error: \"disk\"");
  SetBody(Event(ProbeResult{.probe = "p",
                            .step = 1,
                            .images = 2,
                            .loss = 3,
                            .difference_standard_error = 4,
                            .accuracy = 0.5,
                            .baseline_loss = 6}),
          message);
  EXPECT_EQ(message.probe_result().ShortDebugString(),
            "probe: \"p\" step: 1 images: 2 loss: 3 difference_standard_error: 4 accuracy: 0.5 "
            "baseline_loss: 6");
  SetBody(Event(BreakerActionDone{
              .directive_version = 1, .action = BreakerAction::kRollBack, .step = 2, .error = "e"}),
          message);
  EXPECT_EQ(message.breaker_action_done().ShortDebugString(),
            "directive_version: 1 action: BREAKER_ACTION_ROLL_BACK step: 2 error: \"e\"");
  SetBody(Event(DirectiveApplied{.version = 1, .step = 2}), message);
  EXPECT_EQ(message.directive_applied().ShortDebugString(), "version: 1 step: 2");
  SetBody(Event(DirectiveRefused{.version = 1, .reason = RefusalReason::kStale, .detail = "d"}),
          message);
  EXPECT_EQ(message.directive_refused().ShortDebugString(),
            "version: 1 reason: REFUSAL_REASON_STALE detail: \"d\"");
  SetBody(Event(GroupActivity{.first_step = 1, .last_step = 9, .groups = {{"a", 0}, {"b", 4}}}),
          message);
  EXPECT_EQ(message.group_activity().ShortDebugString(),
            "first_step: 1 last_step: 9 groups { group: \"a\" } groups { group: \"b\" "
            "active_steps: 4 }");
  SetBody(Event(RunEnded{.step = 1, .error = "e"}), message);
  EXPECT_EQ(message.run_ended().ShortDebugString(), "step: 1 error: \"e\"");
}

TEST(WireTest, AMapHasABitForOpenAndAByteForAScore) {
  TokenMap map{.step = 5, .rows = 3, .columns = 3};
  TokenMapImage image{.image_id = 7, .label = "boot", .thumbnail = "png"};
  image.layers.push_back({2, {1, 0, 0, 1, 0, 0, 0, 0, 1}, {0.0f, 1.0f, 0.5f, 2.0f, -1.0f}});
  map.images.push_back(image);
  v1::WorkerMessage message;
  SetBody(Event(map), message);
  const v1::TokenMap& sent = message.token_map();
  EXPECT_EQ(sent.step(), 5u);
  EXPECT_EQ(sent.rows(), 3u);
  EXPECT_EQ(sent.columns(), 3u);
  ASSERT_EQ(sent.images_size(), 1);
  EXPECT_EQ(sent.images(0).image_id(), 7u);
  EXPECT_EQ(sent.images(0).label(), "boot");
  EXPECT_EQ(sent.images(0).thumbnail(), "png");
  ASSERT_EQ(sent.images(0).layers_size(), 1);
  EXPECT_EQ(sent.images(0).layers(0).layer(), 2u);
  EXPECT_EQ(sent.images(0).layers(0).open(), "\x09\x01");
  EXPECT_EQ(sent.images(0).layers(0).scores(), std::string("\0\xff\x80\xff\0", 5));
}

// Names come from folders, which may be called anything; a string that is not UTF-8 would cost the
// stream.
TEST(WireTest, ALabelIsUtf8AndShort) {
  const auto label = [](const std::string& name) {
    v1::WorkerMessage message;
    SetBody(Event(TokenMap{.images = {{.label = name}}}), message);
    v1::WorkerMessage back;
    EXPECT_TRUE(back.ParseFromString(message.SerializeAsString())) << name;
    return back.token_map().images(0).label();
  };
  EXPECT_EQ(label("Schl\xc3\xbcssel"), "Schl\xc3\xbcssel");
  EXPECT_EQ(label("Schl\xfcssel"), "Schl\xef\xbf\xbdssel");
  EXPECT_EQ(label(std::string(128, 'x')), std::string(128, 'x'));
  EXPECT_EQ(label(std::string(129, 'x')), "");
}

TEST(WireTest, HelloSaysWhereTheRunStarts) {
  PublisherConfig config{.instance = "i", .world_size = 3};
  config.gates = {{.layer = 4, .scorer = "head", .policy = "budget", .target_rate = 0.25}};
  config.start_step = 9;
  config.start_counters = MakeSnapshot(9).counters;
  const Directive in_force = MakeDirective(2);
  const v1::Hello hello = MakeHello(config, &in_force);
  EXPECT_EQ(hello.instance(), "i");
  EXPECT_EQ(hello.world_size(), 3u);
  ASSERT_EQ(hello.gates_size(), 1);
  EXPECT_EQ(hello.gates(0).ShortDebugString(),
            "layer: 4 scorer: \"head\" policy: \"budget\" target_rate: 0.25");
  EXPECT_EQ(FromProto(hello.in_force()), in_force);
  EXPECT_EQ(hello.start_step(), 9u);
  EXPECT_EQ(hello.start_counters().layers(0).tokens_open(), 90u);
  EXPECT_FALSE(hello.program_version().empty());
  EXPECT_FALSE(MakeHello(config, nullptr).has_in_force());
}

}  // namespace
}  // namespace sluice::telemetry

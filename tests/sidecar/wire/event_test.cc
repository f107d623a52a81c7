#include "sidecar/wire/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

v1::WorkerMessage Probe(double loss, double baseline) {
  v1::WorkerMessage message;
  v1::ProbeResult* probe = message.mutable_probe_result();
  probe->set_probe("old");
  probe->set_step(7);
  probe->set_loss(loss);
  probe->set_baseline_loss(baseline);
  return message;
}

TEST(EventFromProto, KindKeyAndStepMakeItIdempotent) {
  v1::WorkerMessage message;
  message.mutable_identity()->set_rank(3);
  const auto expect = [&message](const std::string& kind, const std::string& key, uint64_t step) {
    const auto event = EventFromProto(message);
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->kind, kind);
    EXPECT_EQ(event->key, key);
    EXPECT_EQ(event->step, step);
    EXPECT_EQ(event->ended, kind == "ended");
    EXPECT_FALSE(event->probe.has_value());
    EXPECT_EQ(event->version > 0, kind == "directive_applied" || kind == "directive_refused");
  };
  message.mutable_checkpoint_saved()->set_name("c.safetensors");
  message.mutable_checkpoint_saved()->set_step(20);
  expect("checkpoint", "c.safetensors", 20);
  message.mutable_checkpoint_saved()->set_error("disk full");
  expect("checkpoint_failed", "c.safetensors", 20);
  EXPECT_EQ(EventFromProto(message)->detail, "disk full");
  message.mutable_breaker_action_done()->set_directive_version(4);
  message.mutable_breaker_action_done()->set_step(21);
  expect("breaker", "4", 21);
  message.mutable_directive_applied()->set_version(5);
  message.mutable_directive_applied()->set_step(22);
  expect("directive_applied", "5", 22);
  message.mutable_directive_refused()->set_version(6);
  expect("directive_refused", "6", 0);
  message.mutable_run_ended()->set_step(23);
  expect("ended", "rank 3", 23);
}

TEST(EventFromProto, CountsOfGroupsLieInTheirWindow) {
  v1::WorkerMessage message;
  v1::GroupActivity* activity = message.mutable_group_activity();
  activity->set_first_step(11);
  activity->set_last_step(20);
  v1::GroupCount* count = activity->add_groups();
  count->set_group("blocks.3.mlp");
  count->set_active_steps(10);
  const auto event = EventFromProto(message);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->kind, "groups");
  EXPECT_EQ(event->step, 20u);
  ASSERT_TRUE(event->activity.has_value());
  EXPECT_EQ(event->activity->first_step, 11u);
  EXPECT_EQ(event->activity->last_step, 20u);
  ASSERT_EQ(event->activity->groups.size(), 1u);
  EXPECT_EQ(event->activity->groups[0].group, "blocks.3.mlp");
  EXPECT_EQ(event->activity->groups[0].active_steps, 10u);
  const auto refused = [&message](const std::string& field) {
    const absl::Status status = EventFromProto(message).status();
    EXPECT_EQ(ReasonOf(status), RefusalReason::kOutOfRange) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  };
  count->set_active_steps(11);
  refused("group_activity.groups[0].active_steps");
  count->set_active_steps(1);
  activity->set_last_step(10);
  refused("group_activity.last_step");
  activity->set_last_step(20);
  count->set_group("a b");
  EXPECT_FALSE(EventFromProto(message).ok());
  count->set_group("a");
  for (int i = 0; i < 16384; ++i) *activity->add_groups() = activity->groups(0);
  refused("number of group_activity.groups");
}

TEST(EventFromProto, AProbeIsJudgedByItsBaselineAndKeptAsItIs) {
  v1::WorkerMessage message = Probe(1.5, 1.2);
  message.mutable_probe_result()->set_difference_standard_error(0.06);
  const auto event = EventFromProto(message);
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->kind, "probe");
  EXPECT_NEAR(event->probe->delta, 0.25, 1e-12);
  EXPECT_NEAR(event->probe->noise, 0.05, 1e-12);
  EXPECT_EQ(event->probe->step, 7u);
  EXPECT_THAT(event->body, HasSubstr("\"baseline_loss\":1.2"));
  EXPECT_THAT(event->body, HasSubstr("\"accuracy\":0"));
}

TEST(EventFromProto, AProbesNumbersAreFiniteAndSoIsTheirRatio) {
  for (const auto& [loss, baseline] : {std::pair{std::nan(""), 1.0},
                                       {-1.0, 1.0},
                                       {1.0, 0.0},
                                       {1.0, std::nan("")},
                                       {1e300, 1e-12}}) {
    EXPECT_EQ(ReasonOf(EventFromProto(Probe(loss, baseline)).status()), RefusalReason::kOutOfRange)
        << loss << " over " << baseline;
  }
}

TEST(EventFromProto, TheNoiseIsFiniteOverItsBaselineToo) {
  v1::WorkerMessage message = Probe(1e-12, 1e-12);
  message.mutable_probe_result()->set_difference_standard_error(1e300);
  EXPECT_EQ(ReasonOf(EventFromProto(message).status()), RefusalReason::kOutOfRange);
}

TEST(EventFromProto, ARefusedDirectiveComesWithItsReason) {
  v1::WorkerMessage message;
  message.mutable_directive_refused()->set_version(6);
  message.mutable_directive_refused()->set_detail("theta is 7");
  EXPECT_EQ(EventFromProto(message)->version, 6u);
  EXPECT_EQ(EventFromProto(message)->detail, "theta is 7");
}

TEST(EventFromProto, TextsHaveALimitAndNamesAreNames) {
  v1::WorkerMessage message;
  message.mutable_run_ended()->set_error(std::string(4097, 'e'));
  EXPECT_EQ(ReasonOf(EventFromProto(message).status()), RefusalReason::kLimit);
  message.mutable_checkpoint_saved()->set_name("c");
  message.mutable_checkpoint_saved()->set_error(std::string(4097, 'e'));
  EXPECT_EQ(ReasonOf(EventFromProto(message).status()), RefusalReason::kLimit);
  message.mutable_checkpoint_saved()->set_name("../c");
  EXPECT_EQ(ReasonOf(EventFromProto(message).status()), RefusalReason::kMalformed);
  message.mutable_breaker_action_done()->set_action(static_cast<v1::BreakerAction>(17));
  EXPECT_EQ(ReasonOf(EventFromProto(message).status()), RefusalReason::kUnknown);
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/wire/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "sidecar/wire/counters.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

v1::WorkerMessage Base() {
  v1::WorkerMessage message;
  message.mutable_identity()->set_run("run-1");
  message.mutable_identity()->set_incarnation(5);
  message.mutable_identity()->set_seq(1);
  return message;
}

v1::WorkerMessage GoodHello() {
  v1::WorkerMessage message = Base();
  v1::Hello* hello = message.mutable_hello();
  hello->set_instance("i");
  hello->set_world_size(2);
  v1::GateLayer* gate = hello->add_gates();
  gate->set_layer(2);
  gate->set_policy("threshold");
  gate->set_threshold(0.3);
  return message;
}

v1::WorkerMessage GoodSnapshot() {
  v1::WorkerMessage message = Base();
  v1::GateSnapshot* snapshot = message.mutable_snapshot();
  snapshot->set_first_step(1);
  snapshot->set_last_step(4);
  CountersToProto(testing::CountersAt(4), snapshot->mutable_counters());
  snapshot->add_layers()->set_layer(2);
  return message;
}

struct Fault {
  std::function<void(v1::WorkerMessage&)> plant;
  RefusalReason reason;
  std::string field;
};

void ExpectRefused(const v1::WorkerMessage& good, const Fault& fault) {
  ASSERT_TRUE(MessageFromProto(good).ok()) << MessageFromProto(good).status();
  v1::WorkerMessage bad = good;
  fault.plant(bad);
  const auto result = MessageFromProto(bad);
  ASSERT_FALSE(result.ok()) << fault.field;
  EXPECT_EQ(ReasonOf(result.status()), fault.reason) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(fault.field));
}

TEST(MessageFromProto, BadHellosAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Fault faults[] = {
      {[](auto& m) { m.clear_identity(); }, RefusalReason::kMalformed, "identity"},
      {[](auto& m) { m.mutable_identity()->set_run("a b"); }, RefusalReason::kMalformed, "run"},
      {[](auto& m) { m.mutable_identity()->set_run(std::string(129, 'a')); },
       RefusalReason::kMalformed, "run"},
      {[](auto& m) { m.mutable_identity()->set_rank(2); }, RefusalReason::kOutOfRange, "rank"},
      {[](auto& m) { m.mutable_hello()->set_world_size(0); }, RefusalReason::kOutOfRange,
       "world_size"},
      {[nan](auto& m) { m.mutable_hello()->mutable_gates(0)->set_threshold(nan); },
       RefusalReason::kOutOfRange, "threshold"},
      {[](auto& m) { m.mutable_hello()->mutable_gates(0)->set_policy("luck"); },
       RefusalReason::kUnknown, "'luck'"},
      {[](auto& m) {
         for (int i = 0; i < 5; ++i) m.mutable_hello()->add_gates();
       },
       RefusalReason::kLimit, "gates"},
      {[](auto& m) { m.mutable_hello()->mutable_in_force()->set_version(3); },
       RefusalReason::kOutOfRange, "in_force"}};
  for (const Fault& fault : faults) ExpectRefused(GoodHello(), fault);
}

TEST(MessageFromProto, BadSnapshotsAreRefused) {
  const double inf = std::numeric_limits<double>::infinity();
  const Fault faults[] = {
      {[](auto& m) { m.mutable_identity()->set_seq(0); }, RefusalReason::kOutOfRange, "seq"},
      {[](auto& m) { m.mutable_snapshot()->set_last_step(0); }, RefusalReason::kOutOfRange,
       "last_step"},
      {[](auto& m) { m.mutable_snapshot()->clear_counters(); }, RefusalReason::kMalformed,
       "counters"},
      {[inf](auto& m) { m.mutable_snapshot()->set_loss(inf); }, RefusalReason::kOutOfRange, "loss"},
      {[](auto& m) { m.mutable_snapshot()->set_train_accuracy(1.5); }, RefusalReason::kOutOfRange,
       "train_accuracy"},
      {[](auto& m) { m.mutable_snapshot()->mutable_counters()->set_steps(~uint64_t{0}); },
       RefusalReason::kOutOfRange, "counters"},
      {[](auto& m) {
         m.mutable_snapshot()->mutable_counters()->mutable_layers(0)->add_score_histogram(1);
       },
       RefusalReason::kMalformed, "score_histogram"},
      {[](auto& m) { m.mutable_snapshot()->clear_layers(); }, RefusalReason::kMalformed,
       "snapshot.layers"}};
  for (const Fault& fault : faults) ExpectRefused(GoodSnapshot(), fault);
}

TEST(MessageFromProto, SnapshotKeepsEveryField) {
  const auto message = MessageFromProto(GoodSnapshot());
  ASSERT_TRUE(message.ok());
  const auto& snapshot = std::get<GateSnapshot>(message->body);
  EXPECT_EQ(snapshot.counters, testing::CountersAt(4));
  EXPECT_EQ(snapshot.last_step, 4u);
  EXPECT_FALSE(snapshot.loss.has_value());
}

TEST(MessageFromProto, AMessageWithoutBodyIsMalformed) {
  EXPECT_EQ(ReasonOf(MessageFromProto(Base()).status()), RefusalReason::kMalformed);
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/wire/hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/engine/refusal.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/directive.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HelloWire : public ::testing::Test {
 protected:
  HelloWire() {
    identity_.set_run("r");
    identity_.set_rank(1);
    proto_.set_instance("i");
    proto_.set_world_size(2);
    AddGate(2);
    AddGate(5);
  }
  void AddGate(uint32_t layer) {
    v1::GateLayer* gate = proto_.add_gates();
    gate->set_layer(layer);
    gate->set_scorer("head");
    gate->set_policy("threshold");
    gate->set_threshold(0.3);
    gate->set_target_rate(0.25);
  }
  void ExpectRefused(RefusalReason reason, const std::string& text) {
    const auto hello = HelloFromProto(proto_, identity_);
    ASSERT_FALSE(hello.ok()) << text;
    EXPECT_EQ(ReasonOf(hello.status()), reason);
    EXPECT_THAT(std::string(hello.status().message()), HasSubstr(text));
  }

  v1::Identity identity_;
  v1::Hello proto_;
};

TEST_F(HelloWire, EveryFieldIsCopied) {
  proto_.add_required_features("telemetry");
  proto_.set_start_step(8);
  proto_.set_program_version("1.2");
  CountersToProto(testing::CountersAt(8), proto_.mutable_start_counters());
  Directive directive;
  directive.version = 3;
  directive.layers = {{2, 0.4, 0.25}, {5, 0.5, 0.25}};
  DirectiveToProto(directive, proto_.mutable_in_force());
  const auto hello = HelloFromProto(proto_, identity_);
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->instance, "i");
  EXPECT_EQ(hello->world_size, 2u);
  EXPECT_THAT(hello->required_features, ElementsAre("telemetry"));
  EXPECT_EQ(hello->gates[1], (GateLayer{5, "head", "threshold", 0.3, 0.25}));
  EXPECT_EQ(hello->start_step, 8u);
  EXPECT_EQ(hello->start_counters, testing::CountersAt(8));
  EXPECT_EQ(hello->program_version, "1.2");
  directive.run = "r";  // One without a name is the sender's.
  EXPECT_EQ(hello->in_force, directive);
}

TEST_F(HelloWire, VersionZeroIsNoDirective) {
  proto_.mutable_in_force();
  EXPECT_FALSE(HelloFromProto(proto_, identity_)->in_force.has_value());
}

TEST_F(HelloWire, ADirectiveThatDoesNotFitIsRefused) {
  Directive directive;
  directive.version = 3;
  directive.run = "other";
  directive.layers = {{2, 0.4, 0.0}, {5, 0.5, 0.0}};
  DirectiveToProto(directive, proto_.mutable_in_force());
  ExpectRefused(RefusalReason::kUnknown, "hello.in_force.run");
  proto_.mutable_in_force()->set_run("r");
  proto_.mutable_in_force()->mutable_layers(1)->set_layer(6);
  ExpectRefused(RefusalReason::kOutOfRange, "hello.in_force: ");
}

TEST_F(HelloWire, GatesAscendAndRanksLieInTheWorld) {
  identity_.set_rank(2);
  ExpectRefused(RefusalReason::kOutOfRange, "identity.rank is 2");
  identity_.set_rank(0);
  AddGate(5);
  ExpectRefused(RefusalReason::kOutOfRange, "hello.gates[2].layer is 5");
}

TEST_F(HelloWire, TheReplyNamesWhatTheSidecarCanDo) {
  HelloReply reply{4, 17, std::nullopt, 10};
  v1::HelloReply proto;
  HelloReplyToProto(reply, &proto);
  EXPECT_EQ(proto.lease_epoch(), 4u);
  EXPECT_EQ(proto.durable_seq(), 17u);
  EXPECT_EQ(proto.window_steps(), 10u);
  EXPECT_FALSE(proto.has_in_force());
  EXPECT_THAT(proto.features(), ElementsAre("telemetry", "thresholds", "in_force"));
}

}  // namespace
}  // namespace sluice::sidecar

// What the converters of this tree use of every message survives the way through Protobuf.
#include <gtest/gtest.h>

#include "sidecar/wire/counters.h"
#include "sidecar/wire/directive.h"
#include "sidecar/wire/message.h"

namespace sluice::sidecar {
namespace {

// Bytes and back, as over the wire.
template <typename Proto>
Proto Travel(const Proto& proto) {
  Proto arrived;
  EXPECT_TRUE(arrived.ParseFromString(proto.SerializeAsString()));
  return arrived;
}

Counters EveryCounter() {
  uint64_t next = 1;
  Counters c;
  c.steps = next++;
  c.images_open = next++;
  c.images_skipped = next++;
  c.backward_steps = next++;
  c.layer_count = kMaxGateLayers;
  for (LayerCounters& layer : c.layers) {
    layer.layer = static_cast<uint32_t>(next++);
    layer.tokens_open = next++;
    layer.tokens_closed = next++;
    layer.score_sum_micro = next++;
    layer.score_square_sum_micro = next++;
    for (uint64_t& bin : layer.score_histogram) bin = next++;
  }
  for (LatencyHistogram* histogram : {&c.gate_decision, &c.step, &c.inference}) {
    for (uint64_t& bin : histogram->bins) bin = next++;
    histogram->sum_micros = next++;
  }
  return c;
}

TEST(RoundTrip, Counters) {
  v1::Counters proto;
  CountersToProto(EveryCounter(), &proto);
  EXPECT_EQ(*CountersFromProto(Travel(proto), "counters"), EveryCounter());
  EXPECT_EQ(*CountersFromBytes(CountersToBytes(EveryCounter())), EveryCounter());
}

TEST(RoundTrip, Directive) {
  const Directive directive{"run",
                            7,
                            {{2, 0.25, 0.5}, {4, 0.125, 0.75}},
                            {{"blocks.3.attn.head.1", 2.5}},
                            0.25,
                            BreakerAction::kRehearse,
                            3,
                            "why",
                            99};
  v1::Directive proto;
  DirectiveToProto(directive, &proto);
  EXPECT_EQ(*DirectiveFromProto(Travel(proto)), directive);
}

TEST(RoundTrip, Snapshot) {
  v1::WorkerMessage proto;
  proto.mutable_identity()->set_run("run");
  proto.mutable_identity()->set_lease_epoch(2);
  proto.mutable_identity()->set_generation(3);
  proto.mutable_identity()->set_rank(4);
  proto.mutable_identity()->set_incarnation(5);
  proto.mutable_identity()->set_seq(6);
  v1::GateSnapshot* snapshot = proto.mutable_snapshot();
  snapshot->set_first_step(7);
  snapshot->set_last_step(8);
  snapshot->set_coalesced(9);
  CountersToProto(EveryCounter(), snapshot->mutable_counters());
  for (int i = 0; i < kMaxGateLayers; ++i) {
    v1::LayerSample* layer = snapshot->add_layers();
    layer->set_layer(EveryCounter().layers[static_cast<size_t>(i)].layer);
    layer->set_threshold(0.25);
    layer->set_target_rate(0.5);
  }
  snapshot->set_directive_version(10);
  snapshot->set_loss(0.5);
  snapshot->set_train_accuracy(0.125);
  snapshot->set_learning_rate(0.001);
  snapshot->set_gradient_norm(3.5);
  snapshot->set_images_per_second(1000.5);
  snapshot->set_rate_alerts_silent(true);
  snapshot->set_accuracy_dense(0.75);
  snapshot->set_accuracy_gated(0.625);
  snapshot->set_compute_saved_ratio(-0.5);
  snapshot->mutable_timing()->set_own_seconds(0.25);
  snapshot->mutable_timing()->set_gradient_bytes(1 << 20);
  const auto message = MessageFromProto(Travel(proto));
  ASSERT_TRUE(message.ok()) << message.status();
  const Identity& identity = message->identity;
  EXPECT_EQ(identity.run, "run");
  EXPECT_EQ(identity.lease_epoch, 2u);
  EXPECT_EQ(identity.generation, 3u);
  EXPECT_EQ(identity.rank, 4u);
  EXPECT_EQ(identity.incarnation, 5u);
  EXPECT_EQ(identity.seq, 6u);
  GateSnapshot expected;
  expected.first_step = 7;
  expected.last_step = 8;
  expected.coalesced = 9;
  expected.counters = EveryCounter();
  for (uint32_t i = 0; i < kMaxGateLayers; ++i) {
    expected.layers[i] = {expected.counters.layers[i].layer, 0.25, 0.5};
  }
  expected.directive_version = 10;
  expected.loss = 0.5;
  expected.train_accuracy = 0.125;
  expected.learning_rate = 0.001;
  expected.gradient_norm = 3.5;
  expected.images_per_second = 1000.5;
  expected.rate_alerts_silent = true;
  expected.accuracy_dense = 0.75;
  expected.accuracy_gated = 0.625;
  expected.compute_saved_ratio = -0.5;
  expected.timing.emplace();
  expected.timing->own_seconds = 0.25;
  expected.timing->gradient_bytes = 1 << 20;
  EXPECT_EQ(std::get<GateSnapshot>(message->body), expected);
}

}  // namespace
}  // namespace sluice::sidecar

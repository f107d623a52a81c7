#include "sidecar/wire/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sidecar/engine/refusal.h"
#include "sidecar/wire/counters.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

v1::GateSnapshot FullSnapshot() {
  v1::GateSnapshot proto;
  proto.set_first_step(3);
  proto.set_last_step(5);
  proto.set_coalesced(2);
  CountersToProto(testing::CountersAt(5), proto.mutable_counters());
  v1::LayerSample* layer = proto.add_layers();
  layer->set_layer(testing::kLayer);
  layer->set_threshold(0.3);
  layer->set_target_rate(0.25);
  proto.set_directive_version(4);
  proto.set_loss(-1.5);
  proto.set_train_accuracy(0.5);
  proto.set_learning_rate(1e-3);
  proto.set_gradient_norm(2.0);
  proto.set_images_per_second(300.0);
  proto.set_rate_alerts_silent(true);
  proto.set_accuracy_dense(0.6);
  proto.set_accuracy_gated(0.7);
  proto.set_compute_saved_ratio(0.8);
  v1::StepTiming* timing = proto.mutable_timing();
  timing->set_own_seconds(0.1);
  timing->set_backward_seconds(0.2);
  timing->set_communication_seconds(0.3);
  timing->set_exposed_seconds(0.4);
  timing->set_open_tokens(50);
  timing->set_gradient_bytes(60);
  return proto;
}

TEST(SnapshotFromProto, EveryFieldIsCopiedAndAbsenceKept) {
  v1::GateSnapshot proto = FullSnapshot();
  GateSnapshot expected{3,    5,   2,     testing::CountersAt(5),
                        {},   4,   -1.5,  0.5,
                        1e-3, 2.0, 300.0, true,
                        0.6,  0.7, 0.8,   StepTiming{0.1, 0.2, 0.3, 0.4, 50, 60}};
  expected.layers[0] = {testing::kLayer, 0.3, 0.25};
  EXPECT_EQ(*SnapshotFromProto(proto), expected);
  proto.clear_loss();
  proto.clear_train_accuracy();
  proto.clear_gradient_norm();
  proto.clear_accuracy_dense();
  proto.clear_accuracy_gated();
  proto.clear_compute_saved_ratio();
  proto.clear_timing();
  expected.loss = expected.train_accuracy = expected.gradient_norm = std::nullopt;
  expected.accuracy_dense = expected.accuracy_gated = std::nullopt;
  expected.compute_saved_ratio = std::nullopt;
  expected.timing = std::nullopt;
  EXPECT_EQ(*SnapshotFromProto(proto), expected);
}

TEST(SnapshotFromProto, ARefusalNamesTheField) {
  const auto refused = [](auto plant) {
    v1::GateSnapshot proto = FullSnapshot();
    plant(proto);
    return std::string(SnapshotFromProto(proto).status().message());
  };
  using ::testing::StartsWith;
  EXPECT_THAT(refused([](auto& p) { p.set_first_step(0); }), StartsWith("snapshot.first_step"));
  EXPECT_THAT(refused([](auto& p) { p.set_last_step(2); }), StartsWith("snapshot.last_step is 2"));
  EXPECT_THAT(refused([](auto& p) { p.set_gradient_norm(-1.0); }),
              StartsWith("snapshot.gradient_norm"));
  for (double ratio : {1.001, -100.5, std::nan("")}) {
    EXPECT_THAT(refused([ratio](auto& p) { p.set_compute_saved_ratio(ratio); }),
                StartsWith("snapshot.compute_saved_ratio is "))
        << ratio;
  }
  for (const char* name : {"own", "backward", "communication", "exposed"}) {
    const std::string field = std::string(name) + "_seconds";
    for (double seconds : {-0.001, std::nan("")}) {
      EXPECT_THAT(refused([&](auto& p) {
                    const auto* timing = v1::StepTiming::descriptor();
                    p.timing().GetReflection()->SetDouble(p.mutable_timing(),
                                                          timing->FindFieldByName(field), seconds);
                  }),
                  StartsWith("snapshot.timing." + field + " is "));
    }
  }
  EXPECT_THAT(refused([](auto& p) { p.mutable_timing()->set_open_tokens(UINT64_MAX); }),
              StartsWith("snapshot.timing.open_tokens is "));
  EXPECT_THAT(refused([](auto& p) { p.mutable_timing()->set_gradient_bytes(UINT64_MAX); }),
              StartsWith("snapshot.timing.gradient_bytes is "));
  EXPECT_THAT(refused([](auto& p) { p.mutable_layers(0)->set_threshold(1.5); }),
              StartsWith("snapshot.layers[0].threshold"));
  EXPECT_THAT(refused([](auto& p) { p.add_layers(); }), StartsWith("snapshot.layers has 2"));
}

}  // namespace
}  // namespace sluice::sidecar

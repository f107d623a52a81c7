#include "sidecar/wire/counters.h"

#include <gtest/gtest.h>

#include "sidecar/engine/refusal.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

TEST(Counters, BytesComeBackExactly) {
  Counters counters = testing::CountersAt(kMaxCount / 5000000);
  counters.gate_decision.bins[27] = 5;
  counters.gate_decision.sum_micros = 9;
  counters.inference.bins[12] = 2;
  counters.inference.sum_micros = 6000;
  const auto read = CountersFromBytes(CountersToBytes(counters));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, counters);
}

TEST(Counters, NoHistogramIsOneOfZeros) {
  v1::Counters proto;
  proto.set_steps(3);
  proto.add_layers()->set_layer(2);
  const auto counters = CountersFromProto(proto, "c");
  ASSERT_TRUE(counters.ok());
  EXPECT_EQ(counters->layers[0].score_histogram, ScoreBins{});
  EXPECT_EQ(counters->step, LatencyHistogram{});
  EXPECT_EQ(counters->inference, LatencyHistogram{});  // As of a worker that knows no such field.
}

TEST(Counters, SizesAndCountsAreChecked) {
  const auto reason = [](auto plant) {
    v1::Counters proto;
    CountersToProto(testing::CountersAt(1), &proto);
    plant(proto);
    const auto counters = CountersFromProto(proto, "c");
    EXPECT_FALSE(counters.ok());
    return ReasonOf(counters.status());
  };
  EXPECT_EQ(reason([](auto& p) { p.mutable_step()->add_bins(1); }), RefusalReason::kMalformed);
  EXPECT_EQ(reason([](auto& p) { p.mutable_inference()->add_bins(1); }), RefusalReason::kMalformed);
  EXPECT_EQ(reason([](auto& p) { p.set_backward_steps(kMaxCount + 1); }),
            RefusalReason::kOutOfRange);
  EXPECT_EQ(reason([](auto& p) { p.mutable_layers(0)->set_score_histogram(5, ~uint64_t{0}); }),
            RefusalReason::kOutOfRange);
  EXPECT_EQ(reason([](auto& p) { p.mutable_step()->set_sum_micros(~uint64_t{0}); }),
            RefusalReason::kOutOfRange);
  EXPECT_EQ(reason([](auto& p) {
              while (p.layers_size() <= kMaxGateLayers) p.add_layers();
            }),
            RefusalReason::kLimit);
}

TEST(Counters, BytesThatAreNoCountersAreDataLoss) {
  EXPECT_EQ(CountersFromBytes("\xff\xff").status().code(), absl::StatusCode::kDataLoss);
  v1::Counters proto;
  proto.set_steps(~uint64_t{0});
  EXPECT_EQ(CountersFromBytes(proto.SerializeAsString()).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace sluice::sidecar

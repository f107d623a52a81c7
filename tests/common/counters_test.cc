#include "common/counters.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Counters whose every member is a different multiple of `unit`.
Counters Filled(uint64_t unit) {
  Counters c;
  uint64_t next = 0;
  const auto value = [&] { return ++next * unit; };
  c.steps = value();
  c.images_open = value();
  c.images_skipped = value();
  c.backward_steps = value();
  c.layer_count = 2;
  for (uint32_t i = 0; i < 2; ++i) {
    c.layers[i].layer = 3 + i;
    c.layers[i].tokens_open = value();
    c.layers[i].tokens_closed = value();
    c.layers[i].score_sum_micro = value();
    c.layers[i].score_square_sum_micro = value();
    for (uint64_t& bin : c.layers[i].score_histogram) bin = value();
  }
  for (LatencyHistogram* histogram : {&c.gate_decision, &c.step, &c.inference}) {
    for (uint64_t& bin : histogram->bins) bin = value();
    histogram->sum_micros = value();
  }
  return c;
}

TEST(Counters, AddSumsEveryMember) {
  Counters sum = Filled(1);
  Add(Filled(2), sum);
  EXPECT_EQ(sum, Filled(3));
}

TEST(Counters, AddToNothingTakesTheLayers) {
  Counters sum;
  Add(Filled(2), sum);
  EXPECT_EQ(sum, Filled(2));
  Add(Counters(), sum);
  EXPECT_EQ(sum, Filled(2));
}

TEST(Counters, SubtractIsTheInverseAndNeverWraps) {
  EXPECT_EQ(Subtract(Filled(5), Filled(2)), Filled(3));
  EXPECT_EQ(Subtract(Filled(2), Filled(5)), Filled(0));
  EXPECT_EQ(Subtract(Filled(2), Counters()), Filled(2));
}

}  // namespace
}  // namespace sluice

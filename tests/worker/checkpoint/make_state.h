#pragma once

#include <gtest/gtest.h>

#include "worker/checkpoint/checkpoint.h"

namespace sluice::checkpoint::testing {

inline Directive MakeDirective(uint64_t version) {
  Directive directive;
  directive.run = "run";
  directive.version = version;
  directive.layers = {{2, 1.0 / 3.0, 0.25}};
  directive.group_scales = {{"blocks.1.attn.head.0", 1.7}};
  directive.breaker_action = BreakerAction::kTighten;
  directive.breaker_level = 1;
  directive.reason = "a reason";
  directive.based_on_step = 100;
  return directive;
}

// A state in which no field has its default.
inline TrainState MakeState() {
  TrainState state;
  state.step = 120;
  state.generation = 3;
  state.fingerprint = "{\"model\":1}";
  state.gemm = "onednn";
  state.train_seconds = 12.345678901234567;
  state.counters.resize(2);
  for (size_t rank = 0; rank < 2; ++rank) {
    Counters& c = state.counters[rank];
    c.steps = 120;
    c.images_open = 1000 + rank;
    c.images_skipped = 7;
    c.backward_steps = 119;
    c.layer_count = 1;
    c.layers[0].layer = 2;
    c.layers[0].tokens_open = uint64_t{1} << 40;
    c.layers[0].score_histogram[3] = 17;
    c.step.Add(1234 + rank);
    c.inference.Add(56 + rank);
  }
  state.in_force = MakeDirective(8);
  state.agreed_next = MakeDirective(9);
  state.decision_position = 121;
  state.temperatures = {{"1", 1.0 / 3.0}, {"3", 2.5}};
  state.image_scores = {{3, 0.1, 0}, {UINT64_MAX, 2.0 / 3.0, 7}};
  state.uncertainty = {{"1", {0.7, 1.0 / 3.0}}, {"3", {0.5, 0.0}}};
  state.head_entropies = {0.1, 1.0 / 3.0};
  state.healthy_step = 100;
  state.probes_calm = true;
  state.accuracies = {{100, 1.0 / 3.0}, {120, 0.75}};
  state.group_steps = {{"head", 119}, {"blocks.0.mlp", 60}};
  state.stream_epoch = {3, 120, 17};
  state.class_names = {"cat", "dog"};
  state.mean = {0.1, 0.2, 0.3};
  state.std = {0.5};
  state.config_toml = "[train]\nlr = 0.1\n";
  return state;
}

inline void ExpectSameButCounters(const TrainState& actual, const TrainState& expected) {
  EXPECT_EQ(actual.step, expected.step);
  EXPECT_EQ(actual.generation, expected.generation);
  EXPECT_EQ(actual.fingerprint, expected.fingerprint);
  EXPECT_EQ(actual.gemm, expected.gemm);
  EXPECT_EQ(actual.train_seconds, expected.train_seconds);
  EXPECT_EQ(actual.temperatures, expected.temperatures);
  EXPECT_EQ(actual.uncertainty, expected.uncertainty);
  EXPECT_EQ(actual.head_entropies, expected.head_entropies);
  EXPECT_EQ(actual.healthy_step, expected.healthy_step);
  EXPECT_EQ(actual.probes_calm, expected.probes_calm);
  EXPECT_EQ(actual.accuracies, expected.accuracies);
  EXPECT_EQ(actual.in_force, expected.in_force);
  EXPECT_EQ(actual.agreed_next, expected.agreed_next);
  EXPECT_EQ(actual.decision_position, expected.decision_position);
  EXPECT_EQ(actual.group_steps, expected.group_steps);
  EXPECT_EQ(actual.stream_epoch, expected.stream_epoch);
  EXPECT_EQ(actual.class_names, expected.class_names);
  EXPECT_EQ(actual.mean, expected.mean);
  EXPECT_EQ(actual.std, expected.std);
  EXPECT_EQ(actual.config_toml, expected.config_toml);
}

}  // namespace sluice::checkpoint::testing

#pragma once

#include <string>

#include "sluice/v1/runs.pb.h"

// Answers of a sidecar, made by hand.
namespace sluice::ctl {

inline void AddRank(uint32_t rank, bool connected, bool ended, v1::RunState* state) {
  v1::RankState* to = state->add_ranks();
  to->set_rank(rank);
  to->set_connected(connected);
  to->set_ended(ended);
  to->set_step(30 + rank);
  to->mutable_timing()->set_own_seconds(0.125 * (1 + rank));
  to->mutable_timing()->set_exposed_seconds(0.0625);
  to->mutable_timing()->set_open_tokens(60 + rank);
}

inline void SetLayer(uint32_t layer, double threshold, double rate, double ema,
                     v1::LayerState* to) {
  to->set_layer(layer);
  to->set_threshold(threshold);
  to->set_activation_rate(rate);
  to->set_score_ema(ema);
  to->set_score_mean(ema);
}

// Two ranks, two gate layers, one window behind it.
inline v1::RunState StateOf(const std::string& run) {
  v1::RunState state;
  state.set_run(run);
  state.set_world_size(2);
  state.set_step(30);
  AddRank(0, true, false, &state);
  AddRank(1, true, false, &state);
  SetLayer(2, 0.3, 0.4, 0.5, state.add_layers());
  SetLayer(4, 0.35, 0.25, 0.45, state.add_layers());
  v1::LayerCounters* counters = state.mutable_counters()->add_layers();
  counters->set_layer(4);
  counters->set_tokens_open(120);
  counters->set_tokens_closed(360);
  state.set_coverage(1.0);
  state.set_loss(1.5);
  state.set_accuracy_gated(0.625);
  state.set_images_per_second(812.34);
  state.set_compute_saved_ratio(0.68);
  state.mutable_directive()->set_version(7);
  state.mutable_directive()->set_based_on_step(20);
  state.mutable_directive()->set_reason("target_rate: closer");
  return state;
}

}  // namespace sluice::ctl

#pragma once

#include <array>
#include <cstdint>

#include "common/latency_histogram.h"
#include "common/score_histogram.h"

namespace sluice {

// Most gate layers that a run can have, part of the protocol.
inline constexpr int kMaxGateLayers = 4;

// Cumulative counts of one gate layer; see LayerCounters in proto/sluice/v1/snapshot.proto for the
// units.
struct LayerCounters {
  uint32_t layer = 0;
  uint64_t tokens_open = 0;
  uint64_t tokens_closed = 0;
  uint64_t score_sum_micro = 0;
  uint64_t score_square_sum_micro = 0;
  ScoreBins score_histogram{};

  bool operator==(const LayerCounters&) const = default;
};

// Cumulative counts of one rank since the start of the run; see Counters in snapshot.proto. A plain
// value of fixed size, so that copying it never allocates. Not synchronised.
struct Counters {
  uint64_t steps = 0;
  uint64_t images_open = 0;
  uint64_t images_skipped = 0;
  uint64_t backward_steps = 0;
  uint32_t layer_count = 0;
  std::array<LayerCounters, kMaxGateLayers> layers{};
  LatencyHistogram gate_decision;
  LatencyHistogram step;
  LatencyHistogram inference;

  bool operator==(const Counters&) const = default;
};

// Sum over ranks. Layers are matched by position; an empty side takes the other's layers.
void Add(const Counters& from, Counters& to);

// later - earlier, member by member; a member that fell is 0. Layers are matched by position.
Counters Subtract(const Counters& later, const Counters& earlier);

}  // namespace sluice

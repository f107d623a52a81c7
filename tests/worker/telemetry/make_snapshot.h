#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "common/directive.h"
#include "common/snapshot.h"

namespace sluice::telemetry {

// State after `step` of a made-up run with one gate layer: every count has a closed form, so that a
// receiver of the newest snapshot can be checked for all.
inline GateSnapshot MakeSnapshot(uint64_t step) {
  GateSnapshot snapshot;
  snapshot.first_step = step;
  snapshot.last_step = step;
  snapshot.counters.steps = step;
  snapshot.counters.images_open = 3 * step;
  snapshot.counters.images_skipped = step;
  snapshot.counters.backward_steps = step;
  snapshot.counters.layer_count = 1;
  snapshot.counters.layers[0].layer = 4;
  snapshot.counters.layers[0].tokens_open = 10 * step;
  snapshot.counters.layers[0].tokens_closed = 39 * step;
  snapshot.counters.layers[0].score_histogram[7] = 49 * step;
  snapshot.counters.step.bins[11] = step;
  snapshot.layers[0] = {.layer = 4, .threshold = 0.25, .target_rate = 0.5};
  snapshot.loss = 1.0 / static_cast<double>(step);
  return snapshot;
}

// A directive that a run "r" with gate layer 4 takes.
inline Directive MakeDirective(uint64_t version) {
  return {.run = "r",
          .version = version,
          .layers = {{.layer = 4, .threshold = 0.1 + 0.001 * static_cast<double>(version % 512)}},
          .group_scales = {{.group = "blocks.3.attn.head.1", .scale = 1.0 / 0.3}},
          .rehearsal_share = 0.125,
          .breaker_action = BreakerAction::kTighten,
          .breaker_level = 1,
          .reason = "test \"quoted\" \n reason",
          .based_on_step = 10 * version};
}

}  // namespace sluice::telemetry

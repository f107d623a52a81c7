#pragma once

#include <cstdint>
#include <vector>

#include "worker/gate/policy.h"
#include "worker/gate/scorer.h"

namespace sluice::gate {

// What a closed token costs; DESIGN section 4 and the headers of worker/gate.
enum class Mode { kDense, kMask, kSelective, kCompact };

// One gate and what is in force there.
struct GateAt {
  int64_t layer = 1;  // It stands after this block, from 1.
  Policy policy;
};

// The gates of a model.
struct GateSettings {
  Mode mode = Mode::kDense;
  bool shadow = false;        // The gates decide and are counted; the model trains densely.
  std::vector<GateAt> gates;  // By layer, each further back; a token closed by one stays closed.
  Scorer scorer = Scorer::kRandom;
  double temperature = 1.0;  // The uncertainty heads' logits are divided by it for scores.
  bool train_head = false;
  // How far the gates stand open now, whatever their policies: each opens at least
  // rate + opening * (1 - rate) of an image. 0 but in annealing and growing.
  double opening = 0.0;

  // False: nothing is decided in training.
  bool decides() const { return mode != Mode::kDense || shadow; }
};

}  // namespace sluice::gate

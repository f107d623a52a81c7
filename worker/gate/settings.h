#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/gate/policy.h"
#include "worker/gate/scorer.h"

namespace sluice::gate {

// What a closed token costs; DESIGN section 4 and the headers of worker/gate.
enum class Mode { kDense, kMask, kSelective, kCompact };

// Names: dense, mask, selective, compact. INVALID_ARGUMENT that lists them otherwise.
const std::vector<std::string>& ModeNames();
absl::StatusOr<Mode> ParseMode(const std::string& name);

// One gate and what is in force there.
struct GateAt {
  int64_t layer = 1;  // It stands after this block, from 1.
  Policy policy;
  double temperature = 1.0;  // The uncertainty head's logits are divided by it for scores.
};

// The gates of a model.
struct GateSettings {
  Mode mode = Mode::kDense;
  bool shadow = false;        // The gates decide and are counted; the model trains densely.
  std::vector<GateAt> gates;  // By layer, each further back; a token closed by one stays closed.
  Scorer scorer = Scorer::kRandom;
  bool train_head = false;
  // An image whose mean prediction at the first gate has at most this entropy (over log K) is
  // skipped; 0: none is.
  double image_theta = 0.0;
  // How far the gates stand open now, whatever their policies: each opens at least
  // rate + opening * (1 - rate) of an image. 0 but in annealing and growing.
  double opening = 0.0;

  // False: nothing is decided in training.
  bool decides() const { return mode != Mode::kDense || shadow; }
};

}  // namespace sluice::gate

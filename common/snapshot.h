#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/counters.h"

namespace sluice {

// Values of the newest step at one gate layer.
struct LayerSample {
  uint32_t layer = 0;
  double threshold = 0.0;
  double target_rate = 0.0;

  bool operator==(const LayerSample&) const = default;
};

// Where one rank's newest step went; see StepTiming in proto/sluice/v1/snapshot.proto.
struct StepTiming {
  double own_seconds = 0.0;
  double backward_seconds = 0.0;
  double communication_seconds = 0.0;
  double exposed_seconds = 0.0;
  uint64_t open_tokens = 0;
  uint64_t gradient_bytes = 0;

  bool operator==(const StepTiming&) const = default;
};

// What one rank says after a step; see GateSnapshot in proto/sluice/v1/snapshot.proto for units. A
// plain value of fixed size, so that publishing it never allocates.
struct GateSnapshot {
  uint64_t first_step = 0;
  uint64_t last_step = 0;
  uint64_t coalesced = 0;
  Counters counters;
  std::array<LayerSample, kMaxGateLayers> layers{};  // The first counters.layer_count are in use.
  uint64_t directive_version = 0;
  std::optional<double> loss;
  std::optional<double> train_accuracy;
  double learning_rate = 0.0;
  std::optional<double> gradient_norm;
  double images_per_second = 0.0;
  bool rate_alerts_silent = false;
  std::optional<double> accuracy_dense;
  std::optional<double> accuracy_gated;
  std::optional<double> compute_saved_ratio;
  std::optional<StepTiming> timing;

  bool operator==(const GateSnapshot&) const = default;
};

}  // namespace sluice

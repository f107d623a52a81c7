#pragma once

#include <cstdint>
#include <vector>

#include "worker/gate/settings.h"
#include "worker/model/vit_config.h"

namespace sluice::gate {

// Arithmetic of one training step, counted: a multiplication with its addition is two operations.
// Matrix products, attention and the optimizer count, as do class tokens; norms, activations and
// the uncertainty head do not. What cannot be avoided counts once: no row runs forward twice.
struct StepShape {
  Mode mode = Mode::kDense;
  int64_t images = 1;
  // Gate layers, and how many patches of an image each leaves open. Empty in mode dense.
  std::vector<int64_t> layers;
  std::vector<double> open;
  // The footprint gate: per block the share of the weights' gradients that is computed (empty:
  // all), the first block with any (-1: the embeddings have), and how many parameters are stepped
  // (-1: all).
  std::vector<double> changing;
  int64_t first_changing = -1;
  int64_t stepped = -1;
};

// Operations of forward, backward and AdamW. Mode mask counts as dense: it saves nothing. Pure.
double StepFlops(const model::VitConfig& config, const StepShape& shape);

// Values of all parameters of a model.
int64_t ParameterCount(const model::VitConfig& config);

}  // namespace sluice::gate

#pragma once

#include <cstdint>
#include <vector>

#include "worker/gate/flops.h"

namespace sluice::gate::testing {

inline StepShape DenseShape(int64_t images = 8) {
  StepShape shape;
  shape.images = images;
  return shape;
}

// Gates at `layers`, each leaving `open` patches of an image open.
inline StepShape GatedShape(Mode mode, const std::vector<double>& open,
                            const std::vector<int64_t>& layers = {1}, int64_t images = 8) {
  StepShape shape = DenseShape(images);
  shape.mode = mode;
  shape.layers = layers;
  shape.open = open;
  return shape;
}

}  // namespace sluice::gate::testing

#pragma once

#include <cstdint>
#include <string>

#include "common/directive.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/train/setup.h"
#include "worker/train/train_step.h"

namespace sluice::train {

// Executes what the forgetting breaker asks for: rehearsal, a frozen backbone, a roll-back.
// Thresholds and rates, its mildest rungs, are the gates'. The same on all ranks at one step.
class Rungs {
 public:
  // Borrows all. `has_buffers`: there is something to rehearse.
  Rungs(const config::TrainConfig* config, Assembly* assembly, TrainStep* step, bool has_buffers);

  // Lets `directive` (null: none) hold from step `step` on. Values and optimizer stay as they are.
  // What could not be done; empty: all was.
  std::string Hold(const Directive* directive, int64_t step);

  // Gives model and optimizer the values of the newest healthy checkpoint; the run's step, its data
  // and its schedule go on. NOT_FOUND if there is no healthy one. On another error the run cannot
  // go on: it may have a part of them.
  absl::Status RollBack(checkpoint::TrainState& state);

 private:
  const config::TrainConfig* config_;
  Assembly* assembly_;
  TrainStep* step_;
  bool has_buffers_;
  double share_ = 0.0;
};

}  // namespace sluice::train

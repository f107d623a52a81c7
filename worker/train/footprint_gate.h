#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "worker/dist/grad_reducer.h"
#include "worker/dist/process_group.h"
#include "worker/gate/flops.h"
#include "worker/gate/footprint.h"
#include "worker/train/gated_model.h"
#include "worker/train/optimizer.h"

namespace sluice::train {

// The footprint gate of a run: decides every few steps, the same on all ranks, which groups may
// change, and tells the model (no gradient for the others), the reducer (they are not sent) and the
// optimizer (they are not stepped, their moments rest). Not thread-safe.
class FootprintGate {
 public:
  // Borrows all.
  FootprintGate(const gate::FootprintSettings& settings, GatedModel* model,
                const Optimizer* optimizer, dist::Group* group, dist::GradReducer* reducer,
                uint64_t seed);

  bool decides() const { return settings_.decides(); }
  // While frozen, the classifier (and uncertainty heads) may change and nothing else, whatever the
  // gate decides; `next_step` is the step that follows. The same on all ranks.
  void Freeze(bool frozen, int64_t next_step);
  bool frozen() const { return frozen_; }
  // Before the forward of step `step` (from 1). Decides anew if that is due, from the attention of
  // all ranks' `images` [b, C, H, W] (b may be 0): a collective then, before which `meets` is
  // called.
  absl::Status Prepare(int64_t step, const torch::Tensor& images,
                       const std::function<void()>& meets);
  // For a pass whose gradients are thrown away: everything is open, until Apply.
  void OpenAll();
  void Apply();

  // Per group of the optimizer, 1 if it may change; empty: all may.
  const std::vector<uint8_t>& may_change() const { return may_change_; }
  // Fills in what the gate closes of a step's arithmetic.
  void Describe(gate::StepShape& shape) const;
  // Nothing at all may change: the optimizer has nothing to do.
  bool closes_all() const;

  // Mean entropy per head of the last measurement, for checkpoints; empty if there was none.
  const std::vector<double>& entropies() const { return entropies_; }
  // Goes on as a run that had measured these before `next_step`.
  void Restore(std::vector<double> entropies, int64_t next_step);

 private:
  absl::Status Measure(const torch::Tensor& images, const std::function<void()>& meets);
  void Decide(int64_t step);
  // The decision in force before `next_step`, if there was one.
  void DecideAgain(int64_t next_step);
  // Which groups the footprint lets change.
  void Resolve();

  gate::FootprintSettings settings_;
  GatedModel* model_;
  const Optimizer* optimizer_;
  dist::Group* group_;
  dist::GradReducer* reducer_;
  uint64_t seed_;
  gate::Footprint footprint_;
  std::vector<uint8_t> may_change_;
  std::vector<dist::OpenSlices> open_;
  std::vector<double> entropies_;
  bool frozen_ = false;
};

}  // namespace sluice::train

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/pipeline.h"
#include "worker/dist/process_group.h"
#include "worker/legacy/legacy_set.h"
#include "worker/train/gated_model.h"
#include "worker/train/probe_finding.h"

namespace sluice::train {

// The frozen validation sets of earlier domains, evaluated densely and shared out over the ranks.
class Probes {
 public:
  // `sets` are valid and fit the model. Of `pipeline` the normalisation counts. `batch`: images of
  // a forward, at most.
  Probes(std::vector<legacy::LegacySet> sets, const data::PipelineConfig& pipeline, int64_t batch);

  bool empty() const { return sets_.empty(); }
  // One finding per probe, the same on all ranks. A collective.
  absl::StatusOr<std::vector<ProbeFinding>> Check(GatedModel& model, dist::Group& group) const;

 private:
  absl::StatusOr<ProbeFinding> CheckOne(std::shared_ptr<const legacy::LegacyImages> images,
                                        GatedModel& model, dist::Group& group) const;

  std::vector<std::shared_ptr<const legacy::LegacyImages>> sets_;
  data::PipelineConfig pipeline_;
  int64_t batch_;
};

}  // namespace sluice::train

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/torch.h"
#include "worker/train/adamw.h"
#include "worker/train/datasets.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

// The device named by the option `device`. INVALID_ARGUMENT in one line if it asks for a GPU that
// cannot be had.
absl::StatusOr<torch::Device> ResolveDevice(const std::string& name, int local_rank);

// A model with its optimizer, as a run starts or goes on.
struct Assembly {
  std::unique_ptr<GatedModel> model;
  std::unique_ptr<AdamW> optimizer;
};

// Builds model and optimizer for `classes` classes; weights from model.init if it is set (a weights
// file or a checkpoint, whose uncertainty head is taken over where it fits).
absl::StatusOr<Assembly> Assemble(const config::TrainConfig& config, int64_t classes,
                                  const torch::Device& device);

// Loads weights (and, of a checkpoint, the head at the same gate layer) into `model`.
absl::Status LoadInitialWeights(const std::string& path, bool replace_head, GatedModel& model);

// The tensors that a checkpoint of this assembly holds; they share memory with it.
checkpoint::TrainTensors CheckpointTensors(Assembly& assembly);

// Restores the newest checkpoint of `folder` into `assembly`; nothing if there is none.
// INVALID_ARGUMENT with the first difference if it belongs to another configuration or label map.
absl::StatusOr<std::optional<checkpoint::TrainState>> Restore(
    const config::TrainConfig& config, const std::vector<std::string>& class_names,
    Assembly& assembly);

}  // namespace sluice::train

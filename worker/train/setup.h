#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/torch.h"
#include "worker/train/datasets.h"
#include "worker/train/ewc.h"
#include "worker/train/gated_model.h"
#include "worker/train/optimizer.h"

namespace sluice::train {

// The device named by the option `device`. INVALID_ARGUMENT in one line if it asks for a GPU that
// cannot be had.
absl::StatusOr<torch::Device> ResolveDevice(const std::string& name, int local_rank);

// A model with its optimizer, as a run starts or goes on.
struct Assembly {
  std::unique_ptr<GatedModel> model;
  std::unique_ptr<Optimizer> optimizer;
  std::shared_ptr<const Ewc> ewc;  // Null unless ewc.lambda is above 0.
};

// Builds model and optimizer for `classes` classes; weights from model.init if it is set (a weights
// file or a checkpoint, whose uncertainty head is taken over where it fits).
absl::StatusOr<Assembly> Assemble(const config::TrainConfig& config, int64_t classes,
                                  const torch::Device& device);

// An optimizer of all of the model's trainable parameters.
std::unique_ptr<Optimizer> MakeOptimizer(const GatedModel& model,
                                         const OptimizerOptions& options = {});

// Loads weights (and, of a checkpoint, adapters, and heads at the same gate layers with their
// temperatures) into `model`.
absl::Status LoadInitialWeights(const std::string& path, bool replace_head, GatedModel& model);

// Loads a folder of adapters, which must be those that `expected` describes.
absl::Status LoadInitialAdapters(const std::string& folder, const model::AdapterConfig& expected,
                                 bool replace_head, GatedModel& model);

// Sets the temperatures of the gates at these layers.
void SetTemperatures(const std::map<std::string, double>& temperatures, GatedModel& model);

// Writes the weights to run.folder's model.safetensors, and adapters to its folder adapters.
absl::Status SaveTrained(const config::TrainConfig& config, const GatedModel& model);

// The tensors that a checkpoint of this assembly holds; they share memory with it.
checkpoint::TrainTensors CheckpointTensors(Assembly& assembly);

// Gives `assembly` the values of an open checkpoint: weights, heads with their temperatures, the
// optimizer's state. INVALID_ARGUMENT that names the first thing that does not fit.
absl::Status RestoreAssembly(const tensors::SafetensorsFile& file, const std::string& path,
                             const checkpoint::TrainState& state, Assembly& assembly);

// Restores the newest whole checkpoint of the run's folder into `assembly`; nothing if there is
// none (checkpoint::LoadNewest).
// INVALID_ARGUMENT with the first difference if it belongs to another configuration or label map.
absl::StatusOr<std::optional<checkpoint::TrainState>> Restore(
    const config::TrainConfig& config, const std::vector<std::string>& class_names,
    Assembly& assembly);

}  // namespace sluice::train

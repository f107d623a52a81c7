#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/model/vit.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/tensors/safetensors_writer.h"
#include "worker/torch.h"

namespace sluice::model {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// Parameters of a model by timm's names, in the order of definition.
NamedTensors NamedParameters(const Vit& vit);

// Parameters of the adapters by PEFT's names without its prefix: blocks.0.attn.qkv.lora_A.weight.
NamedTensors NamedAdapters(const Vit& vit);

// A tensor of a file as a CPU tensor of its own (copied). INVALID_ARGUMENT for a type that LibTorch
// lacks.
absl::StatusOr<torch::Tensor> ToTensor(const tensors::TensorView& view);

// `tensors` in a form that WriteSafetensors takes; contiguous CPU copies are kept in `storage` and
// must live as long.
std::vector<tensors::NamedTensor> ToFileTensors(const NamedTensors& tensors,
                                                std::vector<torch::Tensor>* storage);

struct LoadOptions {
  std::string prefix;         // Before every name in the file, for instance "model.".
  bool replace_head = false;  // Keep the model's fresh classifier whatever the file has.
};

// Copies a file's weights into `vit`. Strict: every parameter must be there in its shape and type
// class (any float), and no further tensor may stand under the prefix; the message names the tensor
// and both shapes. Exceptions: pos_embed of another grid is resampled, and with replace_head
// the classifier stays as it is. Other prefixes of Sluice's checkpoints are left aside. On an error
// `vit` may be partly loaded.
absl::Status LoadWeights(const tensors::SafetensorsFile& file, const LoadOptions& options,
                         Vit& vit);

// Writes parameters under timm's names, atomically.
absl::Status SaveWeights(const std::string& path, const Vit& vit,
                         const std::map<std::string, std::string>& metadata);

}  // namespace sluice::model

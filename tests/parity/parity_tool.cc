// Logits and gradients of the dense model for a batch of a file, by timm's names. parity.py
// compares them with timm's.

#include <string>
#include <vector>

#include "common/options.h"
#include "common/status.h"
#include "tests/parity/tool_main.h"
#include "worker/model/adapter_file.h"
#include "worker/model/vit.h"
#include "worker/model/weights.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/torch.h"

namespace sluice::model {
namespace {

struct ToolOptions {
  std::string preset = "vit_nano";
  std::string pool = "token";
  int64_t image_size = 0;
  std::string weights;
  std::string adapters;
  std::string saved_adapters;
  std::string batch;
  std::string output;
};

// Images float [B, C, H, W] and labels int64 [B].
struct Batch {
  torch::Tensor images;
  torch::Tensor labels;
};

absl::StatusOr<torch::Tensor> ReadTensor(const tensors::SafetensorsFile& file,
                                         const std::string& name) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(name));
  return ToTensor(view);
}

absl::StatusOr<Batch> ReadBatch(const std::string& path, const VitConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  Batch batch;
  SLUICE_ASSIGN_OR_RETURN(batch.images, ReadTensor(file, "images"));
  SLUICE_ASSIGN_OR_RETURN(batch.labels, ReadTensor(file, "labels"));
  const std::vector<int64_t> image = {config.channels, config.image_size, config.image_size};
  const bool fits = batch.images.dim() == 4 && batch.images.sizes().slice(1).vec() == image &&
                    batch.images.scalar_type() == torch::kFloat && batch.labels.dim() == 1 &&
                    batch.labels.size(0) == batch.images.size(0) &&
                    batch.labels.scalar_type() == torch::kLong;
  if (!fits) {
    return absl::InvalidArgumentError("images and labels are not those of the model");
  }
  return batch;
}

// The preset with the file's weights, loaded strictly. A file without a classifier gets one that
// hands its input on, so that the logits are the features.
absl::StatusOr<Vit> ReadModel(const ToolOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(VitConfig config, VitPreset(options.preset));
  if (options.image_size > 0) config.image_size = options.image_size;
  config.pool = options.pool == "avg" ? Pool::kMean : Pool::kClassToken;
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(options.weights));
  const bool has_head = file.Contains("head.bias");
  config.classes = config.dim;
  if (has_head) {
    SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView bias, file.Get("head.bias"));
    config.classes = static_cast<int64_t>(bias.data.size() / sizeof(float));
  }
  SLUICE_RETURN_IF_ERROR(ValidateVitConfig(config));
  Vit vit(config);
  SLUICE_RETURN_IF_ERROR(LoadWeights(file, {"", /*replace_head=*/!has_head}, vit));
  if (!has_head) {
    const torch::NoGradGuard no_graph;
    vit->head->weight.copy_(torch::eye(config.dim));
    vit->head->bias.zero_();
  }
  if (!options.adapters.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const AdapterConfig adapters, ReadAdapterConfig(options.adapters));
    vit->Attach(adapters);
    SLUICE_RETURN_IF_ERROR(LoadAdapters(options.adapters, /*replace_head=*/false, vit));
    vit->FreezeBackbone();
    if (!options.saved_adapters.empty())
      SLUICE_RETURN_IF_ERROR(SaveAdapters(options.saved_adapters, adapters, vit));
  }
  return vit;
}

absl::Status Run(const ToolOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(Vit vit, ReadModel(options));
  SLUICE_ASSIGN_OR_RETURN(const Batch batch, ReadBatch(options.batch, vit->config()));
  const torch::Tensor logits = vit->Forward(batch.images);
  at::cross_entropy_loss(logits, batch.labels, /*weight=*/{}, at::Reduction::Sum).backward();
  NamedTensors results = {{"logits", logits}};
  for (const NamedTensors& parameters : {NamedParameters(vit), NamedAdapters(vit)}) {
    for (const auto& [name, parameter] : parameters) {
      if (!parameter.requires_grad()) continue;
      SLUICE_CHECK(parameter.grad().defined());
      results.emplace_back(name, parameter.grad());
    }
  }
  std::vector<torch::Tensor> storage;
  return tensors::WriteSafetensors(options.output, ToFileTensors(results, &storage), {});
}

int Main(const std::vector<std::string>& arguments) {
  ToolOptions t;
  OptionSet o("sluice_parity_tool", "Logits and gradients of the summed cross-entropy.");
  o.Choice("preset", &t.preset, VitPresetNames(), "Shape of the model");
  o.Choice("pool", &t.pool, {"token", "avg"}, "What the classifier sees");
  o.Integer("image_size", &t.image_size, 0, 4096, "Pixels per side; 0 keeps the preset's");
  o.Text("weights", &t.weights, "Safetensors file with timm's names");
  o.Text("adapters", &t.adapters, "Folder of adapters in PEFT's layout; the backbone rests then");
  o.Text("saved_adapters", &t.saved_adapters, "Folder to write the same adapters to");
  o.Text("batch", &t.batch, "Safetensors file with images and labels");
  o.Text("output", &t.output, "Safetensors file to write: logits, and gradients by timm's names");
  return RunTool("sluice_parity_tool", o, arguments, [&] { return Run(t); });
}

}  // namespace
}  // namespace sluice::model

int main(int argc, char** argv) {
  return sluice::model::Main(std::vector<std::string>(argv + 1, argv + argc));
}

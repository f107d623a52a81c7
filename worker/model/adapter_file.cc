#include "worker/model/adapter_file.h"

#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/model/weights.h"

namespace sluice::model {
namespace {

constexpr char kConfigFile[] = "adapter_config.json";
constexpr char kTensorFile[] = "adapter_model.safetensors";
constexpr char kPrefix[] = "base_model.model.";

std::string Inside(const std::string& folder, const char* name) {
  return (std::filesystem::path(folder) / name).string();
}

// What a folder holds, by name in the file.
NamedTensors FileTensors(const Vit& vit, bool with_head) {
  NamedTensors result;
  for (auto& [name, tensor] : NamedAdapters(vit)) result.emplace_back(kPrefix + name, tensor);
  if (with_head) {
    result.emplace_back(absl::StrCat(kPrefix, "head.weight"), vit->head->weight);
    result.emplace_back(absl::StrCat(kPrefix, "head.bias"), vit->head->bias);
  }
  return result;
}

absl::Status CopyTensors(const tensors::SafetensorsFile& file, bool replace_head, Vit& vit) {
  const torch::NoGradGuard no_graph;
  std::set<std::string> expected;
  for (const auto& [name, parameter] : FileTensors(vit, !replace_head)) {
    expected.insert(name);
    SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(name));
    SLUICE_ASSIGN_OR_RETURN(const torch::Tensor value, ToTensor(view));
    if (value.sizes() != parameter.sizes() || !value.is_floating_point()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name, "' is not of the model's shape"));
    }
    torch::Tensor(parameter).copy_(value);
  }
  for (const std::string& name : file.names()) {
    const bool is_head = absl::StartsWith(name, absl::StrCat(kPrefix, "head."));
    if (expected.count(name) == 0 && !(replace_head && is_head)) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name, "' belongs to no adapter of this model"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveAdapters(const std::string& folder, const AdapterConfig& config, const Vit& vit) {
  SLUICE_RETURN_IF_ERROR(MakeFolder(folder));
  std::vector<torch::Tensor> storage;
  SLUICE_RETURN_IF_ERROR(tensors::WriteSafetensors(Inside(folder, kTensorFile),
                                                   ToFileTensors(FileTensors(vit, true), &storage),
                                                   {{"format", "pt"}}));
  return WriteFileAtomically(Inside(folder, kConfigFile), AdapterConfigToJson(config));
}

absl::StatusOr<AdapterConfig> ReadAdapterConfig(const std::string& folder) {
  const std::string path = Inside(folder, kConfigFile);
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<AdapterConfig> config = AdapterConfigFromJson(text);
  if (!config.ok()) return Annotate(config.status(), absl::StrCat("'", path, "'"));
  return config;
}

absl::Status LoadAdapters(const std::string& folder, bool replace_head, Vit& vit) {
  const std::string path = Inside(folder, kTensorFile);
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  return Annotate(CopyTensors(file, replace_head, vit), absl::StrCat("'", path, "'"));
}

void MergeAdapters(Vit& vit) {
  for (Block& block : vit->blocks) {
    for (const auto& [place, projection] : block->Projections()) {
      if (!projection->adapter()) continue;
      MergeAdapter(*projection->adapter(), projection->linear()->weight,
                   projection->linear()->bias);
      projection->adapter().reset();
    }
  }
}

}  // namespace sluice::model

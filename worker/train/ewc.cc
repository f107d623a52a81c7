#include "worker/train/ewc.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/model/weights.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::train {
namespace {

constexpr char kEnding[] = ".fisher.safetensors";
constexpr char kFisher[] = "fisher.";
constexpr char kWeights[] = "weights.";

absl::StatusOr<std::vector<std::string>> FisherFiles(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (absl::EndsWith(entry.path().string(), kEnding)) paths.push_back(entry.path().string());
  }
  if (error)
    return absl::ErrnoToStatus(error.value(), absl::StrCat("legacy.folder '", folder, "'"));
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    return absl::NotFoundError(absl::StrCat("legacy.folder '", folder, "' has no *", kEnding,
                                            ", which ewc.lambda above 0 needs (sluice-worker "
                                            "register --fisher_images)"));
  }
  return paths;
}

absl::StatusOr<torch::Tensor> ReadLike(const tensors::SafetensorsFile& file,
                                       const std::string& name, const torch::Tensor& like) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(name));
  SLUICE_ASSIGN_OR_RETURN(const torch::Tensor value, model::ToTensor(view));
  if (value.sizes() != like.sizes())
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' has another shape"));
  return value.to(like.device(), like.scalar_type());
}

}  // namespace

absl::StatusOr<Ewc> Ewc::Load(const std::string& folder, double lambda,
                              const Optimizer& optimizer) {
  const torch::NoGradGuard no_graph;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FisherFiles(folder));
  Ewc ewc;
  ewc.lambda_ = lambda;
  ewc.parameters_ = optimizer.parameters();
  ewc.fisher_.resize(ewc.parameters_.size());
  ewc.pull_.resize(ewc.parameters_.size());
  for (const std::string& path : paths) {
    SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                            tensors::SafetensorsFile::Open(path));
    for (size_t i = 0; i < ewc.parameters_.size(); ++i) {
      const std::string& name = optimizer.shapes()[i].name;
      if (!file.Contains(kFisher + name)) continue;
      const torch::Tensor like = ewc.parameters_[i].detach();
      const auto fisher = ReadLike(file, kFisher + name, like);
      if (!fisher.ok()) return Annotate(fisher.status(), path);
      const auto weights = ReadLike(file, kWeights + name, like);
      if (!weights.ok()) return Annotate(weights.status(), path);
      const torch::Tensor pull = *fisher * *weights;
      ewc.fisher_[i] = ewc.fisher_[i].defined() ? ewc.fisher_[i] + *fisher : *fisher;
      ewc.pull_[i] = ewc.pull_[i].defined() ? ewc.pull_[i] + pull : pull;
    }
  }
  return ewc;
}

void Ewc::AddGradient(double scale) const {
  const torch::NoGradGuard no_graph;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor gradient = parameters_[i].grad();
    if (!gradient.defined() || !fisher_[i].defined()) continue;
    gradient.add_(fisher_[i] * parameters_[i] - pull_[i], scale * lambda_);
  }
}

absl::Status WriteFisher(const std::string& path, GatedModel& model, const data::Dataset& dataset,
                         const data::PipelineConfig& pipeline, int64_t images) {
  const int64_t count = std::min(images, dataset.size());
  const torch::TensorOptions like = model.vit()->pos_embed.options();
  const model::NamedTensors parameters = model::NamedParameters(model.vit());
  std::vector<torch::Tensor> fisher;
  for (const auto& [name, parameter] : parameters) fisher.push_back(torch::zeros_like(parameter));
  for (int64_t i = 0; i < count; ++i) {
    SLUICE_ASSIGN_OR_RETURN(const data::Sample sample, dataset.Get(i));
    const data::Image image = data::RunPipeline(pipeline, sample, 0);
    torch::Tensor pixels = torch::empty({1, image.channels, image.height, image.width});
    std::memcpy(pixels.data_ptr(), image.pixels.data(), image.pixels.size() * sizeof(float));
    const torch::Tensor logits =
        model.vit()->Forward(pixels.to(like.device(), like.dtype().toScalarType()));
    const torch::Tensor label = torch::tensor({sample.label}, torch::kLong).to(like.device());
    model.vit()->zero_grad();
    at::cross_entropy_loss(logits, label).backward();
    const torch::NoGradGuard no_graph;
    for (size_t p = 0; p < parameters.size(); ++p) {
      const torch::Tensor& gradient = parameters[p].second.grad();
      if (gradient.defined())
        fisher[p].addcmul_(gradient, gradient, 1.0 / static_cast<double>(count));
    }
  }
  model.vit()->zero_grad();
  model::NamedTensors all;
  for (size_t p = 0; p < parameters.size(); ++p) {
    all.emplace_back(kFisher + parameters[p].first, fisher[p]);
    all.emplace_back(kWeights + parameters[p].first, parameters[p].second.detach());
  }
  std::vector<torch::Tensor> storage;
  return tensors::WriteSafetensors(path, model::ToFileTensors(all, &storage), {});
}

}  // namespace sluice::train

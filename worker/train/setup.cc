#include "worker/train/setup.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/model/adapter_file.h"
#include "worker/model/float8_linear.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::train {
namespace {

constexpr char kModelPrefix[] = "model.";
constexpr char kAdapterPrefix[] = "adapter.";

bool HoldsCheckpoint(const tensors::SafetensorsFile& file) {
  for (const std::string& name : file.names()) {
    if (absl::StartsWith(name, kModelPrefix)) return true;
  }
  return false;
}

// The uncertainty heads of a checkpoint that stand at the same gate layers and have the same
// classes.
absl::Status LoadHead(const tensors::SafetensorsFile& file, GatedModel& model) {
  for (auto& [name, parameter] : model.HeadParameters()) {
    if (!file.Contains(name)) continue;
    SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(name));
    SLUICE_ASSIGN_OR_RETURN(const torch::Tensor value, model::ToTensor(view));
    if (value.sizes() != parameter.sizes()) {
      LogWarn(absl::StrCat("'", name, "' has other classes: the uncertainty head starts anew"));
      continue;
    }
    const torch::NoGradGuard no_graph;
    torch::Tensor(parameter).copy_(value);
  }
  return absl::OkStatus();
}

// A checkpoint's adapters, into those of the model, which must be the same. A model without any
// does not take a checkpoint that has some: it would be another model.
absl::Status LoadCheckpointAdapters(const tensors::SafetensorsFile& file, GatedModel& model) {
  const torch::NoGradGuard no_graph;
  std::set<std::string> expected;
  for (auto& [name, parameter] : model::NamedAdapters(model.vit())) {
    expected.insert(kAdapterPrefix + name);
    // A plain checkpoint is where adapters start.
    if (!file.Contains(kAdapterPrefix + name)) continue;
    SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(kAdapterPrefix + name));
    SLUICE_ASSIGN_OR_RETURN(const torch::Tensor value, model::ToTensor(view));
    if (value.sizes() != parameter.sizes()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", kAdapterPrefix, name, "' is not of this model's shape"));
    }
    torch::Tensor(parameter).copy_(value);
  }
  for (const std::string& name : file.names()) {
    if (absl::StartsWith(name, kAdapterPrefix) && expected.count(name) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name,
                       "' belongs to an adapter that the options adapters.* do not name; "
                       "`sluice-worker export --what merged` makes plain weights of both"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSame(const std::string& path, const checkpoint::TrainState& state,
                       const config::TrainConfig& config,
                       const std::vector<std::string>& class_names) {
  const std::string expected = config::Fingerprint(config);
  if (state.fingerprint != expected) {
    return absl::InvalidArgumentError(absl::StrCat("checkpoint '", path,
                                                   "' belongs to another configuration: it has ",
                                                   state.fingerprint, ", this run has ", expected));
  }
  if (state.class_names != class_names) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint '", path, "' has ", state.class_names.size(),
                     " classes with other names than the ", class_names.size(), " of data.folder"));
  }
  return absl::OkStatus();
}

// Goes on multiplying as the run did that wrote the checkpoint.
void TakeGemm(const std::string& path, const checkpoint::TrainState& state) {
  if (state.gemm.empty()) return;
  const absl::StatusOr<model::Gemm> gemm = model::ResolveGemm(state.gemm);
  if (gemm.ok()) return model::SetGemm(*gemm);
  LogWarn(absl::StrCat("checkpoint '", path, "' was written by a run that multiplied by ",
                       state.gemm, ", which this processor cannot: what follows is not exact"));
}

}  // namespace

absl::StatusOr<torch::Device> ResolveDevice(const std::string& name, int local_rank) {
  const bool has_gpu = torch::cuda::is_available();
  if (name == "cpu" || (name == "auto" && !has_gpu)) return torch::Device(torch::kCPU);
  if (!has_gpu) {
    return absl::InvalidArgumentError(
        "device is 'cuda', but LibTorch finds no CUDA device here; expected cpu, auto, or a "
        "machine with a GPU and the "
        "preset cuda");
  }
  return torch::Device(torch::kCUDA,
                       static_cast<c10::DeviceIndex>(local_rank % torch::cuda::device_count()));
}

absl::StatusOr<Assembly> Assemble(const config::TrainConfig& config, int64_t classes,
                                  const torch::Device& device) {
  SLUICE_ASSIGN_OR_RETURN(const model::VitConfig vit, config::ResolveModel(config.model, classes));
  if (config.compression != "none" && device.is_cuda()) {
    return BadValue("collective.compression", config.compression,
                    "none on a GPU: only gradients between CPUs are compressed");
  }
  if (config.memory.fp8_matmul) SLUICE_RETURN_IF_ERROR(model::CheckFloat8(device));
  Assembly assembly;
  assembly.model = std::make_unique<GatedModel>(vit, config::ResolveGates(config.gate),
                                                config.train.label_smoothing,
                                                static_cast<uint64_t>(config.train.seed), device);
  assembly.model->SetMemory(config::ResolveMemory(config.memory));
  const model::AdapterConfig adapters = config::ResolveAdapters(config.adapters);
  assembly.model->Attach(adapters,
                         adapters.kind != model::AdapterKind::kNone && config.adapters.only);
  if (!config.model.init.empty()) {
    SLUICE_RETURN_IF_ERROR(
        LoadInitialWeights(config.model.init, config.model.replace_head, *assembly.model));
  }
  if (!config.adapters.init.empty()) {
    SLUICE_RETURN_IF_ERROR(LoadInitialAdapters(config.adapters.init, adapters,
                                               config.model.replace_head, *assembly.model));
  }
  assembly.optimizer = MakeOptimizer(
      *assembly.model, {config.train.beta1, config.train.beta2, config.train.epsilon,
                        config.train.weight_decay, ParseUpdateRule(config.train.optimizer),
                        config.train.momentum, config.train.dormant_apply_to == "gradient"});
  if (config.legacy.ewc_lambda > 0.0) {
    SLUICE_ASSIGN_OR_RETURN(
        Ewc ewc, Ewc::Load(config.legacy.folder, config.legacy.ewc_lambda, *assembly.optimizer));
    assembly.ewc = std::make_shared<const Ewc>(std::move(ewc));
  }
  return assembly;
}

std::unique_ptr<Optimizer> MakeOptimizer(const GatedModel& model, const OptimizerOptions& options) {
  std::vector<torch::Tensor> parameters;
  std::vector<ParameterShape> shapes;
  for (const auto& [name, parameter] : model.Parameters()) {
    parameters.push_back(parameter);
    shapes.push_back({name, parameter.sizes().vec()});
  }
  return std::make_unique<Optimizer>(std::move(parameters), shapes,
                                     BuildGroups(model.vit()->config(), shapes), options);
}

absl::Status LoadInitialAdapters(const std::string& folder, const model::AdapterConfig& expected,
                                 bool replace_head, GatedModel& model) {
  SLUICE_ASSIGN_OR_RETURN(const model::AdapterConfig found, model::ReadAdapterConfig(folder));
  model::AdapterConfig sorted = expected;  // As those of a file.
  std::sort(sorted.targets.begin(), sorted.targets.end());
  if (model::AdapterConfigToJson(found) != model::AdapterConfigToJson(sorted)) {
    return absl::InvalidArgumentError(
        absl::StrCat("adapters.init '", folder,
                     "' holds other adapters than the options adapters.* say: it has ",
                     model::AdapterConfigToJson(found)));
  }
  return model::LoadAdapters(folder, replace_head, model.vit());
}

absl::Status LoadInitialWeights(const std::string& path, bool replace_head, GatedModel& model) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  const bool is_checkpoint = HoldsCheckpoint(file);
  const model::LoadOptions options{is_checkpoint ? kModelPrefix : "", replace_head};
  SLUICE_RETURN_IF_ERROR(
      Annotate(model::LoadWeights(file, options, model.vit()), absl::StrCat("'", path, "'")));
  if (!is_checkpoint) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(
      Annotate(LoadCheckpointAdapters(file, model), absl::StrCat("'", path, "'")));
  SLUICE_ASSIGN_OR_RETURN(const checkpoint::TrainState state, checkpoint::LoadState(file, path));
  SetTemperatures(state.temperatures, model);
  return LoadHead(file, model);
}

void SetTemperatures(const std::map<std::string, double>& temperatures, GatedModel& model) {
  for (GateAt& gate : model.settings().gates) {
    const auto it = temperatures.find(absl::StrCat(gate.layer));
    if (it != temperatures.end()) gate.temperature = it->second;
  }
}

absl::Status SaveTrained(const config::TrainConfig& config, const GatedModel& model) {
  const std::filesystem::path folder = config.run_folder;
  SLUICE_RETURN_IF_ERROR(
      model::SaveWeights((folder / "model.safetensors").string(), model.vit(), {{"format", "pt"}}));
  if (config.adapters.kind == "none") return absl::OkStatus();
  return model::SaveAdapters((folder / "adapters").string(),
                             config::ResolveAdapters(config.adapters), model.vit());
}

checkpoint::TrainTensors CheckpointTensors(Assembly& assembly) {
  checkpoint::TrainTensors tensors;
  tensors.model = model::NamedParameters(assembly.model->vit());
  tensors.adapters = model::NamedAdapters(assembly.model->vit());
  tensors.gate = assembly.model->HeadParameters();
  Optimizer& optimizer = *assembly.optimizer;
  for (size_t i = 0; i < optimizer.shapes().size(); ++i) {
    tensors.first_moments.emplace_back(optimizer.shapes()[i].name, optimizer.first_moments()[i]);
    if (i >= optimizer.second_moments().size()) continue;  // SGD has none.
    tensors.second_moments.emplace_back(optimizer.shapes()[i].name, optimizer.second_moments()[i]);
  }
  return tensors;
}

absl::Status RestoreAssembly(const tensors::SafetensorsFile& file, const std::string& path,
                             const checkpoint::TrainState& state, Assembly& assembly) {
  SLUICE_RETURN_IF_ERROR(
      Annotate(checkpoint::LoadTensors(file, CheckpointTensors(assembly)), path));
  Optimizer& optimizer = *assembly.optimizer;
  for (size_t g = 0; g < optimizer.groups().size(); ++g) {
    const auto it = state.group_steps.find(optimizer.groups()[g].name);
    if (it == state.group_steps.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint '", path, "' has no group '", optimizer.groups()[g].name, "'"));
    }
    optimizer.group_steps()[g] = it->second;
  }
  SetTemperatures(state.temperatures, *assembly.model);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<checkpoint::TrainState>> Restore(
    const config::TrainConfig& config, const std::vector<std::string>& class_names,
    Assembly& assembly) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<checkpoint::OpenCheckpoint> newest,
                          checkpoint::LoadNewest(config.run_folder));
  if (!newest) return std::optional<checkpoint::TrainState>();
  SLUICE_RETURN_IF_ERROR(CheckSame(newest->path, newest->state, config, class_names));
  TakeGemm(newest->path, newest->state);
  SLUICE_RETURN_IF_ERROR(RestoreAssembly(newest->file, newest->path, newest->state, assembly));
  return std::optional<checkpoint::TrainState>(std::move(newest->state));
}

}  // namespace sluice::train

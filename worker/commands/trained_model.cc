#include "worker/commands/trained_model.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/access_config.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/train/setup.h"

namespace sluice::commands {
namespace {

constexpr char kCheckpointHead[] = "model.head.weight";
constexpr char kWeightsHead[] = "head.weight";

// A file that is gone when this is.
class ScratchFile {
 public:
  static absl::StatusOr<std::unique_ptr<ScratchFile>> Make(const std::string& text) {
    std::string path = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    const int descriptor = mkstemp(path.data());
    if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("make '", path, "'"));
    close(descriptor);
    auto file = std::make_unique<ScratchFile>(path);
    SLUICE_RETURN_IF_ERROR(WriteFileAtomically(path, text));
    return file;
  }
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

bool NamesConfig(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& a) {
    return a == "--config" || absl::StartsWith(a, "--config=");
  });
}

// The lines of a configuration that say what a model is and how images reach it. The others belong
// to the run that wrote it: its report's path must not become this command's.
std::string PartsOfUse(const std::string& toml) {
  std::string result;
  for (const auto line : absl::StrSplit(toml, '\n')) {
    const bool weights = absl::StartsWith(line, "model.init") ||
                         absl::StartsWith(line, "model.replace_head") ||
                         absl::StartsWith(line, "adapters.init");
    for (const char* part : {"model.", "gate.", "adapters.", "data."}) {
      if (absl::StartsWith(line, part) && !weights) absl::StrAppend(&result, line, "\n");
    }
  }
  return result;
}

// The configuration that a checkpoint was written with; nothing if `path` is not a checkpoint.
absl::StatusOr<std::optional<std::string>> CheckpointConfig(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  if (!file.Contains(kCheckpointHead)) return std::optional<std::string>();
  SLUICE_ASSIGN_OR_RETURN(const checkpoint::TrainState state, checkpoint::LoadState(file, path));
  return std::optional<std::string>(state.config_toml);
}

absl::StatusOr<bool> ParseInto(const std::string& program, const std::string& description,
                               const std::vector<std::string>& arguments,
                               const std::function<void(OptionSet&)>& define,
                               config::TrainConfig& config) {
  OptionSet options(program, description);
  config::DefineTrainOptions(options, config);
  // Of training, too, and of no use here.
  config::AccessConfig access;
  config::DefineAccessOptions(options, access);
  define(options);
  return options.Parse(arguments);
}

}  // namespace

absl::StatusOr<std::optional<config::TrainConfig>> ParseForTrainedModel(
    const std::string& program, const std::string& description,
    const std::vector<std::string>& arguments, const std::function<void(OptionSet&)>& define) {
  config::TrainConfig config;
  SLUICE_ASSIGN_OR_RETURN(bool go_on, ParseInto(program, description, arguments, define, config));
  if (!go_on) return std::optional<config::TrainConfig>();
  if (config.model.init.empty()) {
    return absl::InvalidArgumentError(
        "model.init is empty, expected a weights file or a checkpoint");
  }
  SLUICE_ASSIGN_OR_RETURN(const std::optional<std::string> own,
                          CheckpointConfig(config.model.init));
  if (own && !NamesConfig(arguments)) {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<ScratchFile> file,
                            ScratchFile::Make(PartsOfUse(*own)));
    std::vector<std::string> all = {absl::StrCat("--config=", file->path())};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const std::string init = config.model.init;
    config = config::TrainConfig();
    config.model.init = init;
    SLUICE_RETURN_IF_ERROR(Annotate(ParseInto(program, description, all, define, config).status(),
                                    absl::StrCat("configuration inside '", init, "'")));
  }
  SLUICE_RETURN_IF_ERROR(config::ValidateTrainConfig(config));
  return std::optional<config::TrainConfig>(config);
}

absl::StatusOr<TrainedModel> LoadTrainedModel(const config::TrainConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(config.model.init));
  TrainedModel result;
  result.config = config;
  const bool is_checkpoint = file.Contains(kCheckpointHead);
  SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView head,
                          file.Get(is_checkpoint ? kCheckpointHead : kWeightsHead));
  if (head.shape.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("'", config.model.init, "': the classifier has ",
                                                   head.shape.size(), " dimensions, expected 2"));
  }
  if (is_checkpoint) {
    SLUICE_ASSIGN_OR_RETURN(const checkpoint::TrainState state,
                            checkpoint::LoadState(file, config.model.init));
    result.class_names = state.class_names;
  } else {
    for (int64_t k = 0; k < head.shape[0]; ++k) result.class_names.push_back(absl::StrCat(k));
  }
  const auto processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(config.train.threads > 0 ? static_cast<int>(config.train.threads)
                                               : processors);
  model::SetGemm(config::ResolveGemm(config.compute));
  SLUICE_ASSIGN_OR_RETURN(const torch::Device device, train::ResolveDevice(config.device, 0));
  SLUICE_ASSIGN_OR_RETURN(train::Assembly assembly, train::Assemble(config, head.shape[0], device));
  result.model = std::move(assembly.model);
  return result;
}

}  // namespace sluice::commands

#include "worker/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"

namespace sluice::checkpoint {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<OpenCheckpoint> Load(const std::string& path) {
  absl::StatusOr<tensors::SafetensorsFile> file = tensors::SafetensorsFile::Open(path);
  // What was written whole has a valid header: then the file was cut, or its header is damaged.
  if (absl::IsInvalidArgument(file.status()))
    return absl::DataLossError(absl::StrCat("torn or damaged: ", file.status().message()));
  SLUICE_RETURN_IF_ERROR(file.status());
  SLUICE_ASSIGN_OR_RETURN(TrainState state, LoadState(*file, path));
  return OpenCheckpoint{path, *std::move(file), std::move(state)};
}

// The step in the name of a checkpoint.
uint64_t StepOf(absl::string_view name) {
  uint64_t step = 0;
  SLUICE_CHECK(absl::ConsumePrefix(&name, "checkpoint-") &&
               absl::ConsumeSuffix(&name, ".safetensors") && absl::SimpleAtoi(name, &step));
  return step;
}

absl::Status Remove(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("remove '", path.string(), "'"));
}

}  // namespace

absl::StatusOr<std::optional<OpenCheckpoint>> LoadNewest(const std::string& folder) {
  std::vector<std::string> names = ListCheckpoints(folder);
  if (names.empty()) return std::optional<OpenCheckpoint>();
  const size_t count = names.size();
  for (; !names.empty(); names.pop_back()) {
    absl::StatusOr<OpenCheckpoint> found = Load((fs::path(folder) / names.back()).string());
    if (found.ok()) return std::optional<OpenCheckpoint>(*std::move(found));
    if (!absl::IsDataLoss(found.status())) return found.status();
    LogWarn(absl::StrCat("checkpoint ", names.back(),
                         " is passed over for the one before: ", found.status().message()));
  }
  return absl::DataLossError(
      absl::StrCat("none of the ", count, " checkpoints of '", folder, "' is whole"));
}

std::vector<uint64_t> StepsToRemove(const std::vector<uint64_t>& steps, const Retention& keep) {
  std::set<uint64_t> stays = {keep.healthy_step, keep.awaited_step};
  for (auto it = steps.rbegin(); it != steps.rend() && it - steps.rbegin() < keep.last; ++it)
    stays.insert(*it);
  std::vector<std::pair<double, uint64_t>> evaluated;
  for (const uint64_t step : steps) {
    const auto it = keep.accuracies.find(step);
    if (it != keep.accuracies.end()) evaluated.emplace_back(it->second, step);
  }
  std::sort(evaluated.rbegin(), evaluated.rend());
  for (size_t i = 0; i < evaluated.size() && static_cast<int64_t>(i) < keep.best; ++i)
    stays.insert(evaluated[i].second);
  std::vector<uint64_t> goes = steps;
  std::erase_if(goes, [&](uint64_t step) { return stays.count(step) > 0; });
  return goes;
}

absl::Status PruneCheckpoints(const std::string& folder, const Retention& keep) {
  std::vector<uint64_t> steps;
  for (const std::string& name : ListCheckpoints(folder)) steps.push_back(StepOf(name));
  for (const uint64_t step : StepsToRemove(steps, keep))
    SLUICE_RETURN_IF_ERROR(Remove(fs::path(folder) / CheckpointName(step)));
  return absl::OkStatus();
}

absl::Status SetAsideBehind(const std::string& folder, uint64_t step) {
  for (const std::string& name : ListCheckpoints(folder)) {
    if (StepOf(name) <= step) continue;
    const fs::path path = fs::path(folder) / name;
    std::error_code error;
    fs::rename(path, path.string() + ".corrupt", error);
    if (error)
      return absl::ErrnoToStatus(error.value(), absl::StrCat("rename '", path.string(), "'"));
  }
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, "checkpoint-") && absl::StrContains(name, ".safetensors.tmp."))
      unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) SLUICE_RETURN_IF_ERROR(Remove(path));
  return error ? absl::OkStatus() : SyncFolder(folder);
}

}  // namespace sluice::checkpoint

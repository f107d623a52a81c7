#include "worker/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/status.h"
#include "worker/checkpoint/checksum.h"
#include "worker/checkpoint/state_json.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::checkpoint {
namespace {

constexpr char kStateKey[] = "sluice_state";
constexpr char kCountersName[] = "counters";
constexpr char kImageScoresName[] = "image_scores";  // [n, 3]: id, bits of the score, epoch.
static_assert(std::is_trivially_copyable_v<Counters>);
// Counters of a checkpoint that was written before there was `inference`, their last member.
constexpr size_t kCountersBefore = offsetof(Counters, inference);
static_assert(kCountersBefore + sizeof(Counters::inference) == sizeof(Counters));

// Every tensor with the name that it has in the file.
model::NamedTensors FileNames(const TrainTensors& t) {
  model::NamedTensors all;
  const auto add = [&all](const std::string& prefix, const model::NamedTensors& from) {
    for (const auto& [name, tensor] : from) all.emplace_back(prefix + name, tensor);
  };
  add("model.", t.model);
  add("adapter.", t.adapters);
  add("", t.gate);
  add("optimizer.m.", t.first_moments);
  add("optimizer.v.", t.second_moments);
  return all;
}

torch::Tensor CountersTensor(const std::vector<Counters>& counters) {
  torch::Tensor bytes =
      torch::empty({static_cast<int64_t>(counters.size()), static_cast<int64_t>(sizeof(Counters))},
                   torch::kByte);
  std::memcpy(bytes.data_ptr(), counters.data(), bytes.nbytes());
  return bytes;
}

// One record per rank. An older one is a prefix of today's: what it lacks is zero.
absl::StatusOr<std::vector<Counters>> ReadCounters(const tensors::SafetensorsFile& file) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(kCountersName));
  const size_t size = view.shape.size() == 2 ? static_cast<size_t>(view.shape[1]) : 0;
  if (view.dtype != tensors::DType::kU8 || (size != sizeof(Counters) && size != kCountersBefore)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", kCountersName, "' was written by another version: expected ",
                     sizeof(Counters), " or ", kCountersBefore, " bytes per rank"));
  }
  std::vector<Counters> counters(view.shape[0]);
  for (size_t rank = 0; rank < counters.size(); ++rank) {
    std::memcpy(static_cast<void*>(&counters[rank]), view.data.data() + rank * size, size);
  }
  return counters;
}

torch::Tensor ImageScoresTensor(const std::vector<gate::CachedScore>& scores) {
  torch::Tensor rows = torch::empty({static_cast<int64_t>(scores.size()), 3}, torch::kLong);
  int64_t* row = rows.data_ptr<int64_t>();
  for (const gate::CachedScore& score : scores) {
    row[0] = static_cast<int64_t>(score.id);
    std::memcpy(&row[1], &score.score, sizeof(score.score));
    row[2] = score.epoch;
    row += 3;
  }
  return rows;
}

absl::StatusOr<std::vector<gate::CachedScore>> ReadImageScores(
    const tensors::SafetensorsFile& file) {
  std::vector<gate::CachedScore> scores;
  if (!file.Contains(kImageScoresName)) return scores;
  SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(kImageScoresName));
  if (view.dtype != tensors::DType::kI64 || view.shape.size() != 2 || view.shape[1] != 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", kImageScoresName, "' is not [n, 3] of I64"));
  }
  SLUICE_ASSIGN_OR_RETURN(const torch::Tensor rows, model::ToTensor(view));
  const int64_t* row = rows.data_ptr<int64_t>();
  for (int64_t i = 0; i < view.shape[0]; ++i, row += 3) {
    gate::CachedScore& score = scores.emplace_back();
    score.id = static_cast<uint64_t>(row[0]);
    std::memcpy(&score.score, &row[1], sizeof(score.score));
    score.epoch = row[2];
  }
  return scores;
}

bool IsCheckpoint(absl::string_view name) {
  return absl::ConsumePrefix(&name, "checkpoint-") && absl::ConsumeSuffix(&name, ".safetensors") &&
         name.size() >= 8 && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

}  // namespace

std::string CheckpointName(uint64_t step) {
  return absl::StrFormat("checkpoint-%08d.safetensors", step);
}

std::vector<std::string> ListCheckpoints(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (IsCheckpoint(name)) names.push_back(name);
  }
  // A step of nine digits has a longer name, and comes after all shorter ones.
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.size(), a) < std::pair(b.size(), b);
  });
  return names;
}

absl::Status SaveCheckpoint(const std::string& path, const TrainState& state,
                            const TrainTensors& tensors) {
  model::NamedTensors all = FileNames(tensors);
  all.emplace_back(kCountersName, CountersTensor(state.counters));
  if (!state.image_scores.empty())
    all.emplace_back(kImageScoresName, ImageScoresTensor(state.image_scores));
  std::vector<torch::Tensor> storage;
  std::vector<tensors::NamedTensor> file_tensors = model::ToFileTensors(all, &storage);
  std::map<std::string, std::string> metadata = {{"format", "pt"}, {kStateKey, StateToJson(state)}};
  metadata[kChecksumKey] = ContentChecksum(file_tensors, metadata);
  return tensors::WriteSafetensors(path, std::move(file_tensors), metadata);
}

absl::StatusOr<TrainState> LoadState(const tensors::SafetensorsFile& file,
                                     const std::string& path) {
  SLUICE_RETURN_IF_ERROR(VerifyChecksum(file, path));
  const auto it = file.metadata().find(kStateKey);
  if (it == file.metadata().end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is not a checkpoint: it has no ", kStateKey));
  }
  absl::StatusOr<TrainState> state = StateFromJson(it->second);
  if (!state.ok()) return Annotate(state.status(), path);
  absl::StatusOr<std::vector<Counters>> counters = ReadCounters(file);
  if (!counters.ok()) return Annotate(counters.status(), path);
  state->counters = *std::move(counters);
  absl::StatusOr<std::vector<gate::CachedScore>> scores = ReadImageScores(file);
  if (!scores.ok()) return Annotate(scores.status(), path);
  state->image_scores = *std::move(scores);
  return state;
}

absl::Status LoadTensors(const tensors::SafetensorsFile& file, const TrainTensors& tensors) {
  const torch::NoGradGuard no_graph;
  for (auto& [name, tensor] : FileNames(tensors)) {
    SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(name));
    SLUICE_ASSIGN_OR_RETURN(const torch::Tensor value, model::ToTensor(view));
    if (value.sizes() != tensor.sizes() || value.scalar_type() != tensor.scalar_type()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name, "' has another shape or type than this run's"));
    }
    torch::Tensor(tensor).copy_(value);
  }
  return absl::OkStatus();
}

}  // namespace sluice::checkpoint

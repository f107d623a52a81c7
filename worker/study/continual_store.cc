#include "worker/study/continual_store.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::study {
namespace {

using nlohmann::json;

// The JSON object in `path`, if it is of this identity.
std::optional<json> Read(const std::string& path, const std::string& identity) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return std::nullopt;
  json stored = json::parse(*text, nullptr, false);
  if (!stored.is_object() || !stored.contains("options") || stored["options"] != identity)
    return std::nullopt;
  return stored;
}

std::vector<StrategyRun> RunsOf(const json& stored) {
  return StrategyRunsFromJson(stored.value("runs", json()).dump())
      .value_or(std::vector<StrategyRun>());
}

bool AllThere(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) return false;
  }
  return true;
}

}  // namespace

std::string ContinualStore::Path(int64_t seed, const char* suffix) const {
  return (std::filesystem::path(folder_) / absl::StrCat("seed", seed, suffix)).string();
}

void ContinualStore::Clear() const {
  std::error_code ignored;
  std::vector<std::filesystem::path> stored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, "seed") && absl::EndsWith(name, ".json"))
      stored.push_back(entry.path());
  }
  for (const std::filesystem::path& path : stored) std::filesystem::remove(path, ignored);
}

std::vector<StrategyRun> ContinualStore::Finished(int64_t seed) const {
  const std::optional<json> stored = Read(Path(seed, ".json"), identity_);
  return stored ? RunsOf(*stored) : std::vector<StrategyRun>();
}

absl::Status ContinualStore::StoreFinished(int64_t seed,
                                           const std::vector<StrategyRun>& runs) const {
  const json stored = {{"options", identity_}, {"runs", json::parse(StrategyRunsToJson(runs))}};
  SLUICE_RETURN_IF_ERROR(WriteFileAtomically(Path(seed, ".json"), stored.dump(2)));
  std::error_code ignored;
  std::filesystem::remove(Path(seed, ".partial.json"), ignored);
  return absl::OkStatus();
}

size_t ContinualStore::GoOn(int64_t seed, std::vector<Course>& courses) const {
  const std::optional<json> stored = Read(Path(seed, ".partial.json"), identity_);
  if (!stored) return 0;
  const std::vector<StrategyRun> runs = RunsOf(*stored);
  const auto files = stored->value("checkpoints", std::vector<std::vector<std::string>>());
  if (runs.size() != courses.size() || files.size() != courses.size()) return 0;
  for (size_t i = 0; i < courses.size(); ++i) {
    const bool same = runs[i].name == courses[i].strategy.name && !files[i].empty() &&
                      runs[i].matrix.accuracy.size() == runs[0].matrix.accuracy.size();
    if (!same || !AllThere(files[i])) return 0;
  }
  for (size_t i = 0; i < courses.size(); ++i) {
    courses[i].run = runs[i];
    courses[i].checkpoint = files[i].back();
    if (courses[i].strategy.expert_per_domain) courses[i].experts = files[i];
  }
  return runs[0].matrix.accuracy.size();
}

absl::Status ContinualStore::StorePartial(int64_t seed, const std::vector<Course>& courses) const {
  std::vector<StrategyRun> runs;
  std::vector<std::vector<std::string>> files;
  for (const Course& course : courses) {
    runs.push_back(course.run);
    files.push_back(course.strategy.expert_per_domain
                        ? course.experts
                        : std::vector<std::string>{course.checkpoint});
  }
  const json stored = {{"options", identity_},
                       {"runs", json::parse(StrategyRunsToJson(runs))},
                       {"checkpoints", files}};
  return WriteFileAtomically(Path(seed, ".partial.json"), stored.dump(2));
}

}  // namespace sluice::study

#include "worker/study/trial_store.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::study {
namespace {

using nlohmann::json;

// Sections of a training run's options; what is set of them by the environment holds for its runs.
constexpr std::array<const char*, 7> kSections = {"MODEL", "DATA", "AUGMENT", "GATE",
                                                  "TRAIN", "EVAL", "DEVICE"};

json Environment() {
  json result = json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    for (const char* section : kSections) {
      if (!absl::StartsWith(*entry, absl::StrCat("SLUICE_", section))) continue;
      const std::pair<std::string, std::string> item =
          absl::StrSplit(*entry, absl::MaxSplits('=', 1));
      result[item.first] = item.second;
    }
  }
  return result;
}

json ArmsToJson(const std::vector<Arm>& arms, double lr) {
  json list = json::array();
  for (const Arm& arm : arms) {
    json options = json::object();
    for (const auto& [name, value] : arm.options) options[name] = value;
    list.push_back({{"name", arm.name},
                    {"options", options},
                    {"share", arm.share},
                    {"anneal", arm.anneal},
                    {"grow", arm.grow},
                    {"lr", arm.lr > 0.0 ? arm.lr : lr}});
  }
  return list;
}

json OptionsOf(const ComparisonConfig& c, const Trial& trial) {
  json options = {{"domain", trial.domain},
                  {"seed", trial.seed},
                  {"arms", ArmsToJson(trial.arms, c.lr)},
                  {"seconds", c.seconds},
                  {"images", c.images},
                  {"eval_images", c.eval_images},
                  {"batch", c.batch},
                  {"nproc", c.nproc},
                  {"data", c.data_folder},
                  {"environment", Environment()}};
  if (c.init.empty()) {
    options["pretrain_steps"] = c.pretrain_steps;
    return options;
  }
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(c.init, error);
  options["init"] = c.init;
  options["init_bytes"] = error ? 0 : bytes;
  options["preset"] = c.preset;
  options["image_size"] = c.image_size;
  return options;
}

std::optional<double> OptionalNumber(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

// Throws json::exception.
ComparedRun ReadRun(const json& j) {
  ComparedRun run;
  train::TrainReport& r = run.report;
  j.at("name").get_to(run.name);
  j.at("seed").get_to(run.seed);
  j.at("lr").get_to(run.lr);
  j.at("dense_seconds").get_to(run.dense_seconds);
  r.accuracy_dense = OptionalNumber(j.at("accuracy_dense"));
  r.accuracy_gated = OptionalNumber(j.at("accuracy_gated"));
  j.at("images").get_to(r.images);
  j.at("seconds").get_to(r.seconds);
  j.at("activation_rate").get_to(r.activation_rate);
  j.at("eval_activation_rate").get_to(r.eval_activation_rate);
  j.at("steps").get_to(r.steps);
  j.at("directive_version").get_to(r.directive_version);
  j.at("directives_applied").get_to(r.directives_applied);
  for (const json& p : j.at("curve")) {
    r.curve.push_back({p.at("step").get<int64_t>(), p.at("seconds").get<double>(),
                       OptionalNumber(p.at("accuracy_dense")),
                       OptionalNumber(p.at("accuracy_gated"))});
  }
  return run;
}

// One run of each arm, in their order.
bool RunsAreOf(const Trial& trial, const std::vector<ComparedRun>& runs) {
  if (runs.size() != trial.arms.size()) return false;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].name != trial.arms[i].name || runs[i].seed != trial.seed) return false;
  }
  return true;
}

}  // namespace

std::string TrialStore::File(const std::string& name) const {
  return (std::filesystem::path(folder_) / (name + ".json")).string();
}

std::optional<std::vector<ComparedRun>> TrialStore::Load(const std::string& name,
                                                         const Trial& trial,
                                                         std::string* why) const {
  why->clear();
  const absl::StatusOr<std::string> text = ReadFile(File(name));
  if (!text.ok()) return std::nullopt;
  const json stored = json::parse(*text, nullptr, false);
  std::vector<ComparedRun> runs;
  try {
    if (stored.at("options") != OptionsOf(config_, trial)) {
      *why = "is of other options";
      return std::nullopt;
    }
    for (const json& run : stored.at("runs")) runs.push_back(ReadRun(run));
  } catch (const json::exception& e) {
    *why = absl::StrCat("is no comparison (", e.what(), ")");
    return std::nullopt;
  }
  if (RunsAreOf(trial, runs)) return runs;
  *why = "does not hold the runs of every arm";
  return std::nullopt;
}

absl::Status TrialStore::Save(const std::string& name, const Trial& trial,
                              const std::vector<ComparedRun>& runs) const {
  SLUICE_RETURN_IF_ERROR(MakeFolder(folder_));
  return WriteFileAtomically(File(name), json{{"options", OptionsOf(config_, trial)},
                                              {"budget_seconds", config_.seconds},
                                              {"runs", json::parse(StudyRunsToJson(runs))}}
                                             .dump(1, ' ', false, json::error_handler_t::replace));
}

}  // namespace sluice::study

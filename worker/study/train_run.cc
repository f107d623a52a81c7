#include "worker/study/train_run.h"

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/launch/child_process.h"
#include "worker/launch/sidecar_process.h"

namespace sluice::study {
namespace {

using nlohmann::json;

// A training run of the demo takes minutes; one that takes this long hangs.
constexpr std::chrono::hours kLongestRun{12};

std::optional<double> Optional(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

}  // namespace

absl::StatusOr<train::TrainReport> ParseReport(const std::string& text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return absl::InvalidArgumentError("report is not a JSON object");
  try {
    train::TrainReport r;
    r.run = j.at("run").get<std::string>();
    r.steps = j.at("steps").get<int64_t>();
    r.last_step = j.at("last_step").get<int64_t>();
    r.images = j.at("images").get<int64_t>();
    r.seconds = j.at("seconds").get<double>();
    r.median_step_seconds = j.at("median_step_seconds").get<double>();
    r.activation_rate = j.at("activation_rate").get<double>();
    r.directive_version = j.at("directive_version").get<uint64_t>();
    r.directives_applied = j.at("directives_applied").get<int64_t>();
    r.accuracy_dense = Optional(j.at("accuracy_dense"));
    r.accuracy_gated = Optional(j.at("accuracy_gated"));
    r.eval_activation_rate = j.at("eval_activation_rate").get<double>();
    r.checkpoint = j.at("checkpoint").get<std::string>();
    r.losses = j.at("losses").get<std::vector<double>>();
    for (const json& p : j.at("curve")) {
      r.curve.push_back({p.at("step").get<int64_t>(), p.at("seconds").get<double>(),
                         Optional(p.at("accuracy_dense")), Optional(p.at("accuracy_gated"))});
    }
    return r;
  } catch (const json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("report: ", e.what()));
  }
}

absl::StatusOr<train::TrainReport> RunTrain(const std::string& folder,
                                            const TrainOptions& options) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  SLUICE_RETURN_IF_ERROR(MakeFolder(folder));
  const std::string report = (std::filesystem::path(folder) / "report.json").string();
  launch::ChildOptions child;
  SLUICE_ASSIGN_OR_RETURN(child.program, launch::SiblingProgram("sluice-worker"));
  child.arguments = {"train", absl::StrCat("--run.folder=", folder),
                     absl::StrCat("--json=", report)};
  for (const auto& [name, value] : options)
    child.arguments.push_back(absl::StrCat("--", name, "=", value));
  SLUICE_ASSIGN_OR_RETURN(launch::ChildProcess process, launch::ChildProcess::Start(child));
  SLUICE_ASSIGN_OR_RETURN(const launch::ExitStatus status, process.Wait(kLongestRun));
  if (!status.ok())
    return absl::AbortedError(absl::StrCat("training run in '", folder, "' ", status.ToString()));
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(report));
  return ParseReport(text);
}

}  // namespace sluice::study

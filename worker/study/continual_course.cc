#include "worker/study/continual_course.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/launch/child_process.h"
#include "worker/launch/sidecar_process.h"

namespace sluice::study {
namespace {

constexpr std::chrono::minutes kLongestHelper{10};
// Images that an expert is chosen for at once.
constexpr int kTogether = 50;

absl::Status RunToEnd(const launch::ChildOptions& child, const std::string& what) {
  SLUICE_ASSIGN_OR_RETURN(launch::ChildProcess process, launch::ChildProcess::Start(child));
  SLUICE_ASSIGN_OR_RETURN(const launch::ExitStatus exit, process.Wait(kLongestHelper));
  if (exit.ok()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(what, " ", exit.ToString(), "; see ", child.stderr_file));
}

// The accuracies of a report; nothing if it is none.
std::optional<std::vector<train::DomainAccuracy>> ParseRow(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("domains")) return std::nullopt;
  std::vector<train::DomainAccuracy> row;
  try {
    for (const auto& domain : parsed.at("domains"))
      row.push_back({domain.at("domain").get<std::string>(), domain.at("accuracy").get<double>()});
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return row;
}

}  // namespace

absl::Status Remember(const Course& course, const std::string& domain, int64_t seed,
                      const TrainOptions& probe_data) {
  if (!course.remembers()) return absl::OkStatus();
  launch::ChildOptions child;
  SLUICE_ASSIGN_OR_RETURN(child.program, launch::SiblingProgram("sluice-worker"));
  const Strategy& s = course.strategy;
  child.arguments = {"register",
                     absl::StrCat("--model.init=", course.checkpoint),
                     absl::StrCat("--name=", domain),
                     absl::StrCat("--output=", course.memory),
                     absl::StrCat("--buffer_images=", s.buffer_images),
                     absl::StrCat("--probe_images=", s.probe_images),
                     absl::StrCat("--fisher_images=", s.fisher_images),
                     absl::StrCat("--train.seed=", seed)};
  for (const auto& [name, value] : probe_data)
    child.arguments.push_back(absl::StrCat("--", name, "=", value));
  child.stderr_file = course.folder + ".register.log";
  return RunToEnd(child, "register for " + s.name);
}

absl::StatusOr<std::vector<train::DomainAccuracy>> Route(const Course& course,
                                                         const std::vector<std::string>& domains) {
  const std::vector<std::string> others(course.experts.begin() + 1, course.experts.end());
  const std::string report = course.folder + ".routed.json";
  launch::ChildOptions child;
  SLUICE_ASSIGN_OR_RETURN(child.program, launch::SiblingProgram("sluice-worker"));
  child.arguments = {"eval",
                     absl::StrCat("--model.init=", course.experts.front()),
                     absl::StrCat("--experts=", absl::StrJoin(others, ",")),
                     absl::StrCat("--eval.domains=", absl::StrJoin(domains, ",")),
                     absl::StrCat("--experts_together=", kTogether),
                     absl::StrCat("--json=", report)};
  child.stderr_file = course.folder + ".routed.log";
  SLUICE_RETURN_IF_ERROR(RunToEnd(child, "routed evaluation of " + course.strategy.name));
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(report));
  std::optional<std::vector<train::DomainAccuracy>> row = ParseRow(text);
  if (row) return *std::move(row);
  return absl::DataLossError(
      absl::StrCat("'", report, "' is not a report of accuracies by domain"));
}

}  // namespace sluice::study

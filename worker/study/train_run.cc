#include "worker/study/train_run.h"

#include <chrono>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/launch/child_process.h"
#include "worker/launch/sidecar_process.h"
#include "worker/train/probe_answer.h"

namespace sluice::study {
namespace {

using nlohmann::json;

// A training run of the demo takes minutes; one that takes this long hangs.
constexpr std::chrono::hours kLongestRun{12};

std::string ReportFile(const std::string& folder) {
  return (std::filesystem::path(folder) / "report.json").string();
}

// The value of `key`, converted by `read`. Throws std::invalid_argument with the key.
template <typename Read>
auto Take(const json& object, const char* key, Read read) {
  try {
    return read(object.at(key));
  } catch (const json::exception& e) {
    throw std::invalid_argument(absl::StrCat("report: ", key, ": ", e.what()));
  }
}

template <typename T>
void Set(const json& object, const char* key, T* value) {
  *value = Take(object, key, [](const json& v) { return v.get<T>(); });
}

void Set(const json& object, const char* key, std::optional<double>* value) {
  *value = Take(object, key, [](const json& v) {
    return v.is_null() ? std::nullopt : std::optional<double>(v.get<double>());
  });
}

// JSON has no NaN: a loss that was not finite is null.
std::vector<double> Losses(const json& list) {
  std::vector<double> losses;
  for (const json& loss : list.get_ref<const json::array_t&>()) {
    losses.push_back(loss.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                    : loss.get<double>());
  }
  return losses;
}

std::vector<train::CurvePoint> ReadCurve(const json& list) {
  std::vector<train::CurvePoint> curve;
  for (const json& item : list.get_ref<const json::array_t&>()) {
    item.get_ref<const json::object_t&>();  // Otherwise it is the curve that is wrong, not a key.
    train::CurvePoint& p = curve.emplace_back();
    Set(item, "step", &p.step);
    Set(item, "seconds", &p.seconds);
    Set(item, "accuracy_dense", &p.accuracy_dense);
    Set(item, "accuracy_gated", &p.accuracy_gated);
  }
  return curve;
}

train::WorkDone ReadWork(const json& v) {
  return {v.at("steps").get<uint64_t>(), v.at("images_open").get<uint64_t>(),
          v.at("images_skipped").get<uint64_t>(), v.at("tokens_open").get<uint64_t>(),
          v.at("tokens_closed").get<uint64_t>()};
}

train::Savings ReadSavings(const json& v) {
  return {v.at("measurements").get<int64_t>(), v.at("time").get<double>(),
          v.at("flops").get<double>(), v.at("bytes").get<double>()};
}

train::Communication ReadCommunication(const json& v) {
  return {v.at("own_seconds").get<double>(),
          v.at("backward_seconds").get<double>(),
          v.at("communication_seconds").get<double>(),
          v.at("exposed_seconds").get<double>(),
          v.at("hidden").get<double>(),
          v.at("bytes").get<double>()};
}

std::vector<gate::Calibration> ReadCalibration(const json& list) {
  std::vector<gate::Calibration> result;
  for (const json& v : list.get_ref<const json::array_t&>()) {
    result.push_back({v.at("layer").get<int64_t>(), v.at("temperature").get<double>(),
                      v.at("error_before").get<double>(), v.at("error_after").get<double>()});
  }
  return result;
}

std::vector<train::DomainAccuracy> ReadDomains(const json& list) {
  std::vector<train::DomainAccuracy> result;
  for (const json& v : list.get_ref<const json::array_t&>())
    result.push_back({v.at("domain").get<std::string>(), v.at("accuracy").get<double>()});
  return result;
}

train::TrainReport Report(const json& j) {
  train::TrainReport r;
  Set(j, "run", &r.run);
  Set(j, "steps", &r.steps);
  Set(j, "last_step", &r.last_step);
  Set(j, "images", &r.images);
  Set(j, "seconds", &r.seconds);
  Set(j, "median_step_seconds", &r.median_step_seconds);
  Set(j, "longest_step_seconds", &r.longest_step_seconds);
  Set(j, "activation_rate", &r.activation_rate);
  Set(j, "flops", &r.flops);
  r.work = Take(j, "work", ReadWork);
  r.savings = Take(j, "savings", ReadSavings);
  Set(j, "publisher_cpu_seconds", &r.publisher_cpu_seconds);
  Set(j, "directive_version", &r.directive_version);
  Set(j, "directives_applied", &r.directives_applied);
  Set(j, "accuracy_dense", &r.accuracy_dense);
  Set(j, "accuracy_gated", &r.accuracy_gated);
  Set(j, "eval_activation_rate", &r.eval_activation_rate);
  r.calibration = Take(j, "calibration", ReadCalibration);
  Set(j, "gradient_bytes", &r.gradient_bytes);
  r.communication = Take(j, "communication", ReadCommunication);
  Set(j, "checkpoint", &r.checkpoint);
  r.losses = Take(j, "losses", Losses);
  r.curve = Take(j, "curve", ReadCurve);
  r.probes = Take(j, "probes", train::FindingsFromJson);
  Set(j, "probe_seconds", &r.probe_seconds);
  Set(j, "rollbacks", &r.rollbacks);
  r.domains = Take(j, "domains", ReadDomains);
  return r;
}

}  // namespace

absl::StatusOr<train::TrainReport> ParseReport(const std::string& text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return absl::InvalidArgumentError("report is not a JSON object");
  try {
    return Report(j);
  } catch (const std::invalid_argument& e) {
    return absl::InvalidArgumentError(e.what());
  }
}

absl::StatusOr<TrainProcess> StartTrain(const std::string& folder, const TrainOptions& options,
                                        const std::string& log) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  SLUICE_RETURN_IF_ERROR(MakeFolder(folder));
  launch::ChildOptions child;
  SLUICE_ASSIGN_OR_RETURN(child.program, launch::SiblingProgram("sluice-worker"));
  child.arguments = {"train", absl::StrCat("--run.folder=", folder),
                     absl::StrCat("--json=", ReportFile(folder))};
  for (const auto& [name, value] : options)
    child.arguments.push_back(absl::StrCat("--", name, "=", value));
  child.stderr_file = log;
  SLUICE_ASSIGN_OR_RETURN(launch::ChildProcess process, launch::ChildProcess::Start(child));
  return TrainProcess{folder, std::move(process)};
}

absl::StatusOr<train::TrainReport> FinishTrain(TrainProcess& run) {
  SLUICE_ASSIGN_OR_RETURN(const launch::ExitStatus status, run.process.Wait(kLongestRun));
  if (!status.ok()) {
    return absl::AbortedError(
        absl::StrCat("training run in '", run.folder, "' ", status.ToString()));
  }
  return ReadTrainReport(run.folder);
}

absl::StatusOr<train::TrainReport> ReadTrainReport(const std::string& folder) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(ReportFile(folder)));
  return ParseReport(text);
}

TrainOptions LastOfEach(const TrainOptions& options) {
  TrainOptions result;
  for (const auto& option : options) {
    std::erase_if(result, [&](const auto& earlier) { return earlier.first == option.first; });
    result.push_back(option);
  }
  return result;
}

absl::StatusOr<train::TrainReport> RunTrain(const std::string& folder,
                                            const TrainOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(TrainProcess run, StartTrain(folder, options, ""));
  return FinishTrain(run);
}

}  // namespace sluice::study

#include "worker/study/comparison.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"
#include "worker/model/vit_config.h"

namespace sluice::study {
namespace {

constexpr int64_t kLeastSteps = 24;              // More than the warm-up.
constexpr double kCalibrationShare = 1.0 / 3.0;  // Of the seconds of a run.
// Cost of a gated step over a dense one before anything is measured: this and the rate. How long
// the arms calibrate depends on it, and nothing else.
constexpr double kGuessedOverhead = 0.15;
// Of a dense step of a model that was not pretrained here; likewise.
constexpr double kGuessedStepSeconds = 1.0;
// If a run's seconds differ from the mean of all arms by more than this, the comparison is run
// again with corrected step counts.
constexpr double kMostMiss = 0.05;
// Runs take turns, so many of them each: a machine's changes of speed then hit all alike.
constexpr int kTurns = 30;

// "dense 116, random 290".
std::string Listed(const std::vector<Arm>& arms, const std::vector<int64_t>& steps,
                   const std::string& separator) {
  std::string list;
  for (size_t i = 0; i < arms.size(); ++i) {
    absl::StrAppend(&list, i > 0 ? separator : "", arms[i].name, " ", steps[i]);
  }
  return list;
}

}  // namespace

std::string FileName(const std::string& name) {
  std::string result = name;
  for (char& c : result) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '-';
  }
  return result;
}

std::vector<std::vector<Arm>> Groups(const std::vector<Arm>& arms, int64_t together) {
  const size_t others = arms.size() - 1, room = static_cast<size_t>(together) - 1;
  const size_t count = std::max<size_t>(1, (others + room - 1) / room);
  std::vector<std::vector<Arm>> groups;
  for (size_t g = 0; g < count; ++g) {
    groups.push_back({arms[0]});
    for (size_t i = others * g / count; i < others * (g + 1) / count; ++i) {
      groups.back().push_back(arms[i + 1]);
    }
  }
  return groups;
}

double Miss(const std::vector<train::TrainReport>& reports, const std::vector<Arm>& arms) {
  double mean = 0.0, most = 0.0;
  for (size_t i = 0; i < reports.size(); ++i) {
    mean += reports[i].seconds / arms[i].share / static_cast<double>(reports.size());
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    most = std::max(most, std::abs(reports[i].seconds / arms[i].share / mean - 1.0));
  }
  return most;
}

std::string Comparison::Path(const std::string& name) const {
  return (std::filesystem::path(config_.output) / name).string();
}

absl::Status Comparison::StartSidecar() {
  if (sidecar_) SLUICE_RETURN_IF_ERROR(sidecar_->Stop(std::chrono::seconds(10)));
  sidecar_.reset();
  launch::SidecarOptions options;
  options.state = Path("sidecar");
  options.log = Path("sidecar.log");
  std::error_code error;
  std::filesystem::remove_all(options.state, error);
  SLUICE_ASSIGN_OR_RETURN(launch::SidecarProcess sidecar, launch::SidecarProcess::Start(options));
  sidecar_.emplace(std::move(sidecar));
  std::cout << "sidecar: metrics at http://" << sidecar_->http().ToString() << "/metrics, gRPC at "
            << sidecar_->grpc().ToString() << std::endl;
  return absl::OkStatus();
}

absl::Status Comparison::Pretrain() {
  dense_step_seconds_ = kGuessedStepSeconds;
  pretrained_ = config_.init;
  if (!config_.init.empty()) return absl::OkStatus();
  // Another width or depth makes another model, which must not be taken for this one.
  const model::VitConfig nano = *model::VitPreset("vit_nano");
  const std::string folder = Path(absl::StrCat("pretrained-", nano.dim, "x", nano.depth));
  pretrained_ = (std::filesystem::path(folder) /
                 absl::StrFormat("checkpoint-%08d.safetensors", config_.pretrain_steps))
                    .string();
  if (!config_.fresh && std::filesystem::exists(pretrained_)) {
    std::cout << "pretrained model: " << pretrained_ << " (from an earlier " << config_.command
              << "; --fresh trains it anew)" << std::endl;
    SLUICE_ASSIGN_OR_RETURN(const train::TrainReport report, ReadTrainReport(folder));
    dense_step_seconds_ = report.median_step_seconds;
    return absl::OkStatus();
  }
  std::cout << "pretraining a vit_nano on Fashion-MNIST, " << config_.pretrain_steps << " steps"
            << std::endl;
  TrainOptions options =
      CommonOptions(config_, config_.command + "-pretrain", sidecar_->grpc().ToString());
  options.insert(options.end(), {{"gate.mode", "dense"},
                                 {"gate.scorer", "information"},
                                 {"gate.policy", "budget"},
                                 {"gate.train_head", "on"},
                                 {"train.lr", "2e-3"},
                                 {"train.steps", std::to_string(config_.pretrain_steps)}});
  SLUICE_ASSIGN_OR_RETURN(const train::TrainReport report, RunTrain(folder, options));
  pretrained_ = report.checkpoint;
  dense_step_seconds_ = report.median_step_seconds;
  return absl::OkStatus();
}

void Comparison::Guess(const std::vector<Arm>& arms) {
  for (const Arm& arm : arms) {
    const double gated = kGuessedOverhead + config_.rate;
    over_dense_[arm.name] =
        arm.name == arms[0].name ? 1.0 : gated + 0.5 * (1.0 - gated) * (arm.anneal + arm.grow);
  }
}

int64_t Comparison::StepsFor(const Arm& arm, double seconds) const {
  const double step_seconds = over_dense_.at(arm.name) * dense_step_seconds_;
  return std::max<int64_t>(kLeastSteps, std::llround(seconds * arm.share / step_seconds));
}

std::vector<int64_t> Comparison::Plan(const std::vector<Arm>& arms, DenseSteps dense_steps) const {
  const double seconds =
      dense_steps ? static_cast<double>(*dense_steps) * dense_step_seconds_ : config_.seconds;
  std::vector<int64_t> steps;
  for (const Arm& arm : arms) steps.push_back(StepsFor(arm, seconds));
  if (dense_steps) steps[0] = *dense_steps;
  return steps;
}

TrainOptions Comparison::ArmOptions(const Arm& arm, const std::string& domain, int64_t seed,
                                    int64_t steps, const std::string& run) const {
  TrainOptions options = CommonOptions(config_, run, sidecar_->grpc().ToString());
  options.insert(options.end(), arm.options.begin(), arm.options.end());
  const auto part = [steps](double share) {
    return std::to_string(std::llround(share * static_cast<double>(steps)));
  };
  if (arm.anneal > 0.0) options.push_back({"gate.anneal_steps", part(arm.anneal)});
  if (arm.grow > 0.0) options.push_back({"gate.grow_steps", part(arm.grow)});
  options.insert(options.end(),
                 {{"model.init", pretrained_},
                  {"data.domain", domain},
                  {"data.train_subset", absl::StrCat("random:", config_.images, ":", seed)},
                  {"train.lr", Number(arm.lr > 0.0 ? arm.lr : config_.lr)},
                  {"train.seed", std::to_string(seed)},
                  {"train.steps", std::to_string(steps)}});
  return options;
}

absl::Status Comparison::Calibrate(const std::vector<Arm>& arms, const std::string& domain) {
  Guess(arms);
  std::vector<Arm> measured;
  for (const Arm& arm : arms) {
    if (arm.like.empty()) measured.push_back(arm);
  }
  for (const std::vector<Arm>& group : Groups(measured, config_.together)) {
    std::vector<TurnRun> runs;
    for (const Arm& arm : group) {
      const std::string name = FileName(arm.name);
      TrainOptions options =
          ArmOptions(arm, domain, 0, StepsFor(arm, config_.seconds * kCalibrationShare),
                     "calibration-" + name);
      options.push_back({"data.eval_subset", "first:64"});
      runs.push_back({name, Path("calibration/" + name), LastOfEach(options), arm.share});
    }
    SLUICE_RETURN_IF_ERROR(Measure(runs, group, "calibration").status());
  }
  for (const Arm& arm : arms) {
    if (!arm.like.empty()) over_dense_[arm.name] = over_dense_.at(arm.like);
    std::cout << absl::StrFormat("calibration: %-12s %.1f ms per step", arm.name,
                                 1e3 * over_dense_[arm.name] * dense_step_seconds_)
              << std::endl;
  }
  return absl::OkStatus();
}

// Runs `arms`, of which the first is dense, in turns; what they have measured is the best guess for
// the next ones.
absl::StatusOr<Comparison::Reports> Comparison::Measure(const std::vector<TurnRun>& runs,
                                                        const std::vector<Arm>& arms,
                                                        const std::string& what) {
  TurnOptions options;
  options.slice = std::chrono::milliseconds(std::llround(1e3 * config_.seconds / kTurns));
  options.progress = [&](const std::vector<int64_t>& steps) {
    std::cout << what << ": step  " << Listed(arms, steps, "  ") << std::endl;
  };
  SLUICE_ASSIGN_OR_RETURN(Reports reports, RunInTurns(runs, options));
  dense_step_seconds_ = reports[0].seconds / static_cast<double>(reports[0].steps);
  for (size_t i = 0; i < reports.size(); ++i) {
    over_dense_[arms[i].name] =
        reports[i].seconds / static_cast<double>(reports[i].steps) / dense_step_seconds_;
  }
  return reports;
}

std::vector<TurnRun> Comparison::RunsOf(const Trial& trial, const std::vector<Arm>& arms,
                                        const std::vector<int64_t>& steps,
                                        const std::string& suffix) const {
  std::vector<TurnRun> runs;
  for (size_t i = 0; i < arms.size(); ++i) {
    const std::string name = absl::StrCat(FileName(arms[i].name), "-", trial.seed);
    // A name of its own for each try: the sidecar would go on with the last one's directives.
    TrainOptions options = ArmOptions(arms[i], trial.domain, trial.seed, steps[i],
                                      absl::StrCat(trial.run, "-", name, suffix));
    if (trial.curve_points > 0) {
      options.push_back(
          {"eval.every", std::to_string(std::max<int64_t>(1, steps[i] / trial.curve_points))});
    }
    runs.push_back({name, (std::filesystem::path(trial.folder) / name).string(),
                    LastOfEach(options), arms[i].share});
  }
  return runs;
}

absl::StatusOr<Comparison::Reports> Comparison::CompareGroup(const Trial& trial, size_t group,
                                                             const std::vector<Arm>& arms,
                                                             DenseSteps dense_steps) {
  Reports nearest;  // On a busy machine the last try is not the best.
  for (int64_t attempt = 1;; ++attempt) {
    const std::vector<int64_t> steps = Plan(arms, dense_steps);
    std::cout << absl::StrFormat("%s: steps for %.0f s each: %s", trial.label, config_.seconds,
                                 Listed(arms, steps, ", "))
              << std::endl;
    const std::string suffix =
        absl::StrCat(group > 0 ? absl::StrCat("-group", group) : "", "-try", attempt);
    SLUICE_ASSIGN_OR_RETURN(const Reports reports,
                            Measure(RunsOf(trial, arms, steps, suffix), arms, trial.label));
    const double miss = Miss(reports, arms);
    if (nearest.empty() || miss < Miss(nearest, arms)) nearest = reports;
    if (miss <= kMostMiss || attempt == config_.tries || Plan(arms, dense_steps) == steps) break;
    std::cout << absl::StrFormat(
                     "seconds differ by %.1f %% from their mean: again with corrected step counts",
                     100 * miss)
              << std::endl;
  }
  return nearest;
}

absl::StatusOr<std::vector<ComparedRun>> Comparison::Compare(const Trial& trial) {
  const std::vector<std::vector<Arm>> groups = Groups(trial.arms, config_.together);
  std::vector<ComparedRun> runs;
  DenseSteps dense_steps;
  for (size_t g = 0; g < groups.size(); ++g) {
    SLUICE_ASSIGN_OR_RETURN(const Reports reports, CompareGroup(trial, g, groups[g], dense_steps));
    dense_steps = reports[0].steps;
    for (size_t i = g > 0 ? 1 : 0; i < reports.size(); ++i) {
      const Arm& arm = groups[g][i];
      runs.push_back({arm.name, trial.seed, reports[i], arm.lr > 0.0 ? arm.lr : config_.lr,
                      reports[0].seconds});
    }
  }
  return runs;
}

}  // namespace sluice::study

#include "worker/study/demo.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/launch/sidecar_process.h"
#include "worker/model/vit_config.h"
#include "worker/study/arms.h"
#include "worker/study/chart.h"
#include "worker/study/summary.h"
#include "worker/study/train_run.h"
#include "worker/study/turns.h"

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
constexpr int kMostTries = 2;
// Runs take turns, so many of them each: a machine's changes of speed then hit all alike.
constexpr int kTurns = 30;
// Evaluations of a run on its way; they are not counted as training seconds.
constexpr int64_t kCurvePoints = 2;

// The whole comparison.
class Demo {
 public:
  explicit Demo(const DemoConfig& config) : config_(config), arms_(MakeArms(config.rate)) {}

  absl::Status Run() {
    SLUICE_RETURN_IF_ERROR(MakeFolder(config_.output));
    SLUICE_RETURN_IF_ERROR(StartSidecar());
    SLUICE_RETURN_IF_ERROR(Pretrain());
    SLUICE_RETURN_IF_ERROR(Calibrate());
    for (int64_t seed = 0; seed < config_.seeds; ++seed) {
      SLUICE_RETURN_IF_ERROR(Compare(seed));
    }
    SLUICE_RETURN_IF_ERROR(Report());
    return config_.keep ? WaitForInterrupt() : sidecar_->Stop(std::chrono::seconds(10));
  }

 private:
  std::string Path(const std::string& name) const {
    return (std::filesystem::path(config_.output) / name).string();
  }

  absl::Status StartSidecar() {
    launch::SidecarOptions options;
    options.state = Path("sidecar");
    options.log = Path("sidecar.log");
    std::error_code error;
    std::filesystem::remove_all(options.state, error);
    SLUICE_ASSIGN_OR_RETURN(launch::SidecarProcess sidecar, launch::SidecarProcess::Start(options));
    sidecar_.emplace(std::move(sidecar));
    std::cout << "sidecar: metrics at http://" << sidecar_->http().ToString()
              << "/metrics, gRPC at " << sidecar_->grpc().ToString() << std::endl;
    return absl::OkStatus();
  }

  TrainOptions Common(const std::string& run) const {
    TrainOptions options = {{"run.name", run},
                            {"nproc", std::to_string(config_.nproc)},
                            {"sidecar", sidecar_->grpc().ToString()},
                            {"data.folder", config_.data_folder},
                            {"data.eval_subset", absl::StrCat("first:", config_.eval_images)},
                            {"gate.layer", kGateLayer},
                            {"train.batch", std::to_string(config_.batch)},
                            {"train.weight_decay", "0.05"},
                            {"train.beta2", "0.99"},
                            {"checkpoint.keep", "1"}};
    if (config_.init.empty()) return options;
    options.insert(options.end(), {{"model.preset", config_.preset},
                                   {"model.image_size", std::to_string(config_.image_size)},
                                   {"model.replace_head", "true"},
                                   {"data.resize", "true"},
                                   {"data.mean", "0.485,0.456,0.406"},
                                   {"data.std", "0.229,0.224,0.225"}});
    return options;
  }

  absl::Status Pretrain() {
    if (!config_.init.empty()) {
      pretrained_ = config_.init;
      train::TrainReport guess;
      guess.median_step_seconds = kGuessedStepSeconds;
      GuessSteps(guess);
      return absl::OkStatus();
    }
    // Another width or depth makes another model, which must not be taken for this one.
    const model::VitConfig nano = *model::VitPreset("vit_nano");
    const std::string folder = Path(absl::StrCat("pretrained-", nano.dim, "x", nano.depth));
    pretrained_ = (std::filesystem::path(folder) /
                   absl::StrFormat("checkpoint-%08d.safetensors", config_.pretrain_steps))
                      .string();
    if (!config_.fresh && std::filesystem::exists(pretrained_)) {
      std::cout << "pretrained model: " << pretrained_
                << " (from an earlier demo; --fresh trains it anew)" << std::endl;
      SLUICE_ASSIGN_OR_RETURN(const train::TrainReport report, ReadTrainReport(folder));
      GuessSteps(report);
      return absl::OkStatus();
    }
    std::cout << "pretraining a vit_nano on Fashion-MNIST, " << config_.pretrain_steps << " steps"
              << std::endl;
    TrainOptions options = Common("demo-pretrain");
    options.insert(options.end(), {{"gate.mode", "dense"},
                                   {"gate.scorer", "information"},
                                   {"gate.policy", "budget"},
                                   {"gate.train_head", "on"},
                                   {"train.lr", "2e-3"},
                                   {"train.steps", std::to_string(config_.pretrain_steps)}});
    SLUICE_ASSIGN_OR_RETURN(const train::TrainReport report, RunTrain(folder, options));
    pretrained_ = report.checkpoint;
    GuessSteps(report);
    return absl::OkStatus();
  }

  void GuessSteps(const train::TrainReport& pretraining) {
    for (const Arm& arm : arms_) {
      const bool dense = arm.name == arms_[0].name;
      step_seconds_[arm.name] =
          pretraining.median_step_seconds * (dense ? 1.0 : kGuessedOverhead + config_.rate);
    }
  }

  TrainOptions ArmOptions(const Arm& arm, int64_t seed, int64_t steps,
                          const std::string& run) const {
    TrainOptions options = Common(run);
    options.insert(options.end(), arm.options.begin(), arm.options.end());
    options.insert(options.end(),
                   {{"model.init", pretrained_},
                    {"data.domain", config_.domain},
                    {"data.train_subset", absl::StrCat("random:", config_.images, ":", seed)},
                    {"train.lr", Number(config_.lr)},
                    {"train.seed", std::to_string(seed)},
                    {"train.steps", std::to_string(steps)}});
    return options;
  }

  // Seconds per step of every arm, over a part of the seconds of a run.
  absl::Status Calibrate() {
    std::vector<TurnRun> runs;
    for (const Arm& arm : arms_) {
      const int64_t steps = StepsFor(arm, config_.seconds * kCalibrationShare);
      TrainOptions options = ArmOptions(arm, 0, steps, "calibration-" + arm.name);
      options.push_back({"data.eval_subset", "first:64"});
      runs.push_back({arm.name, Path("calibration/" + arm.name), LastOfEach(options)});
    }
    SLUICE_RETURN_IF_ERROR(Measure(runs, "calibration").status());
    for (const Arm& arm : arms_) {
      std::cout << absl::StrFormat("calibration: %-12s %.1f ms per step", arm.name,
                                   1e3 * step_seconds_[arm.name])
                << std::endl;
    }
    return absl::OkStatus();
  }

  // Runs one of each arm in turns; what they have measured is the best guess for the next ones.
  absl::StatusOr<std::vector<train::TrainReport>> Measure(const std::vector<TurnRun>& runs,
                                                          const std::string& what) {
    TurnOptions options;
    options.slice = std::chrono::milliseconds(std::llround(1e3 * config_.seconds / kTurns));
    options.progress = [&](const std::vector<int64_t>& steps) {
      std::string line = what + ": step";
      for (size_t i = 0; i < steps.size(); ++i) {
        absl::StrAppend(&line, "  ", arms_[i].name, " ", steps[i]);
      }
      std::cout << line << std::endl;
    };
    SLUICE_ASSIGN_OR_RETURN(std::vector<train::TrainReport> reports, RunInTurns(runs, options));
    for (size_t i = 0; i < reports.size(); ++i) {
      step_seconds_[arms_[i].name] = reports[i].seconds / static_cast<double>(reports[i].steps);
    }
    return reports;
  }

  int64_t StepsFor(const Arm& arm, double seconds) const {
    return std::max<int64_t>(kLeastSteps, std::llround(seconds / step_seconds_.at(arm.name)));
  }

  // All arms with the same seed.
  absl::Status Compare(int64_t seed) {
    std::vector<train::TrainReport> nearest;  // On a busy machine the last try is not the best.
    for (int attempt = 1;; ++attempt) {
      std::vector<int64_t> steps;
      for (const Arm& arm : arms_) steps.push_back(StepsFor(arm, config_.seconds));
      std::cout << "seed " << seed << ": " << Plan(steps) << std::endl;
      SLUICE_ASSIGN_OR_RETURN(const std::vector<train::TrainReport> reports,
                              Measure(RunsOf(seed, steps, attempt), absl::StrCat("seed ", seed)));
      if (nearest.empty() || Miss(reports) < Miss(nearest)) nearest = reports;
      bool would_change = false;
      for (size_t i = 0; i < arms_.size(); ++i) {
        would_change |= StepsFor(arms_[i], config_.seconds) != steps[i];
      }
      if (Miss(reports) <= kMostMiss || attempt == kMostTries || !would_change) break;
      std::cout
          << absl::StrFormat(
                 "seconds differ by %.1f %% from their mean: again with corrected step counts",
                 100 * Miss(reports))
          << std::endl;
    }
    for (size_t i = 0; i < arms_.size(); ++i) runs_.push_back({arms_[i].name, seed, nearest[i]});
    return absl::OkStatus();
  }

  // "dense 116 steps, random 290 steps, … for 36 s each".
  std::string Plan(const std::vector<int64_t>& steps) const {
    std::string plan;
    for (size_t i = 0; i < arms_.size(); ++i) {
      absl::StrAppend(&plan, i > 0 ? ", " : "", arms_[i].name, " ", steps[i]);
    }
    return absl::StrFormat("steps for %.0f s each: %s", config_.seconds, plan);
  }

  std::vector<TurnRun> RunsOf(int64_t seed, const std::vector<int64_t>& steps, int attempt) const {
    std::vector<TurnRun> runs;
    for (size_t i = 0; i < arms_.size(); ++i) {
      const std::string name = absl::StrCat(arms_[i].name, "-", seed);
      // A name of its own for each try: the sidecar would go on with the last one's directives.
      TrainOptions options =
          ArmOptions(arms_[i], seed, steps[i], absl::StrCat("demo-", name, "-try", attempt));
      options.push_back(
          {"eval.every", std::to_string(std::max<int64_t>(1, steps[i] / kCurvePoints))});
      runs.push_back({name, Path(name), LastOfEach(options)});
    }
    return runs;
  }

  // The largest difference of an arm's seconds to the mean of all, as a part of that.
  static double Miss(const std::vector<train::TrainReport>& reports) {
    double mean = 0.0, most = 0.0;
    for (const train::TrainReport& report : reports) {
      mean += report.seconds / static_cast<double>(reports.size());
    }
    for (const train::TrainReport& report : reports) {
      most = std::max(most, std::abs(report.seconds / mean - 1.0));
    }
    return most;
  }

  absl::Status Report() {
    const std::string title = absl::StrCat("Fashion-MNIST, domain ", config_.domain,
                                           ": accuracy over training seconds, seed 0");
    SLUICE_RETURN_IF_ERROR(
        WriteFileAtomically(Path("report.json"), ComparisonToJson(runs_, config_.seconds)));
    SLUICE_RETURN_IF_ERROR(WriteFileAtomically(Path("accuracy.svg"), AccuracyChart(runs_, title)));
    std::cout << "\nFashion-MNIST shifted by '" << config_.domain << "', " << config_.images
              << " images, " << config_.nproc << " ranks, " << config_.seconds
              << " training seconds each, " << config_.seeds << " seed(s)\n\n"
              << ComparisonTable(runs_, "dense") << "\nreport: " << Path("report.json")
              << "\nchart:  " << Path("accuracy.svg") << std::endl;
    return absl::OkStatus();
  }

  absl::Status WaitForInterrupt() {
    std::cout << "the sidecar stays up at http://" << sidecar_->http().ToString()
              << "/ until Ctrl-C" << std::endl;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    int received = 0;
    sigwait(&signals, &received);
    return sidecar_->Stop(std::chrono::seconds(10));
  }

  DemoConfig config_;
  std::vector<Arm> arms_;
  std::optional<launch::SidecarProcess> sidecar_;
  std::string pretrained_;
  std::map<std::string, double> step_seconds_;
  std::vector<ComparedRun> runs_;
};

}  // namespace

absl::Status RunDemo(const DemoConfig& config) { return Demo(config).Run(); }

}  // namespace sluice::study

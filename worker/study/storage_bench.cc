#include "worker/study/storage_bench.h"

#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/study/comparison_config.h"
#include "worker/study/summary.h"
#include "worker/study/train_run.h"

namespace sluice::study {
namespace {

constexpr char kExact[] = "fp32";
constexpr double kPercent = 100.0;

class StorageBench {
 public:
  explicit StorageBench(const StorageBenchConfig& config) : config_(config) {
    common_.command = "storage";
    common_.data_folder = config.data_folder;
    common_.nproc = config.nproc;
    common_.eval_images = config.eval_images;
    ResolveRuns(common_);
  }

  absl::StatusOr<std::string> Run() {
    SLUICE_RETURN_IF_ERROR(MakeFolder(config_.output));
    SLUICE_RETURN_IF_ERROR(Pretrain());
    for (int64_t seed = 0; seed < config_.seeds; ++seed) {
      SLUICE_RETURN_IF_ERROR(TrainWith(kExact, seed));
      for (const std::string& form : config_.forms) SLUICE_RETURN_IF_ERROR(TrainWith(form, seed));
    }
    return Report();
  }

 private:
  std::string Path(const std::string& name) const {
    return (std::filesystem::path(config_.output) / name).string();
  }

  absl::Status Pretrain() {
    TrainOptions options = CommonOptions(common_, "storage-pretrain", "off");
    options.insert(options.end(), {{"gate.mode", "dense"},
                                   {"train.lr", "2e-3"},
                                   {"train.steps", std::to_string(config_.pretrain_steps)}});
    SLUICE_ASSIGN_OR_RETURN(const train::TrainReport report,
                            RunTrain(Path("storage-pretrain"), LastOfEach(options)));
    pretrained_ = report.checkpoint;
    return absl::OkStatus();
  }

  absl::Status TrainWith(const std::string& form, int64_t seed) {
    const std::string name = absl::StrCat("storage-", form, "-", seed);
    TrainOptions options = CommonOptions(common_, name, "off");
    options.insert(options.end(),
                   {{"model.init", pretrained_},
                    {"data.domain", "invert"},
                    {"data.train_subset", absl::StrCat("random:", config_.images, ":", seed)},
                    {"gate.mode", "compact"},
                    {"gate.policy", "budget"},
                    {"gate.rate", absl::StrCat(common_.rate)},
                    {"memory.activations", form},
                    {"train.lr", absl::StrCat(common_.lr)},
                    {"train.seed", std::to_string(seed)},
                    {"train.steps", std::to_string(config_.steps)}});
    SLUICE_ASSIGN_OR_RETURN(const train::TrainReport report,
                            RunTrain(Path(name), LastOfEach(options)));
    if (!report.accuracy_dense)
      return absl::InternalError(absl::StrCat(name, " reported no accuracy"));
    accuracy_[form].push_back(kPercent * *report.accuracy_dense);
    std::cout << absl::StrFormat("seed %d, activations in %s: %.2f %% in %.1f s", seed, form,
                                 accuracy_[form].back(), report.seconds)
              << std::endl;
    runs_.push_back({{"seed", seed},
                     {"activations", form},
                     {"accuracy_dense", *report.accuracy_dense},
                     {"seconds", report.seconds}});
    return absl::OkStatus();
  }

  std::string Report() const {
    nlohmann::json differences = nlohmann::json::array();
    for (const std::string& form : config_.forms) {
      std::vector<double> paired;
      for (size_t i = 0; i < accuracy_.at(form).size(); ++i)
        paired.push_back(accuracy_.at(form)[i] - accuracy_.at(kExact)[i]);
      const MeanError difference = Summarise(paired);
      std::cout << absl::StrFormat("%s less fp32: %+.2f ± %.2f points over %d seeds", form,
                                   difference.mean, difference.error, paired.size())
                << std::endl;
      differences.push_back({{"activations", form},
                             {"mean", difference.mean},
                             {"standard_error", difference.error},
                             {"pairs", paired.size()}});
    }
    return nlohmann::json{{"runs", runs_}, {"differences", differences}}.dump(2);
  }

  StorageBenchConfig config_;
  ComparisonConfig common_;
  std::string pretrained_;
  std::map<std::string, std::vector<double>> accuracy_;  // By form, in the order of seeds.
  nlohmann::json runs_ = nlohmann::json::array();
};

}  // namespace

absl::StatusOr<std::string> RunStorageBench(const StorageBenchConfig& config) {
  return StorageBench(config).Run();
}

}  // namespace sluice::study

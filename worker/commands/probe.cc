#include <sys/resource.h>

#include <csignal>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/bad_value.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/legacy/legacy_folder.h"
#include "worker/model/weights.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/train/clock.h"
#include "worker/train/datasets.h"
#include "worker/train/probe_answer.h"
#include "worker/train/probes.h"
#include "worker/train/setup.h"

namespace sluice::commands {
namespace {

// Ranks that wait for a processor get it first.
constexpr int kNice = 10;

class Checker {
 public:
  static absl::StatusOr<Checker> Make(const config::TrainConfig& config) {
    SLUICE_ASSIGN_OR_RETURN(TrainedModel trained, LoadTrainedModel(config));
    SLUICE_ASSIGN_OR_RETURN(const data::PipelineConfig pipeline,
                            config::ResolvePipeline(config, false));
    const model::VitConfig& vit = trained.model->vit()->config();
    const data::ImageShape shape{static_cast<int>(vit.channels), static_cast<int>(vit.image_size),
                                 static_cast<int>(vit.image_size)};
    SLUICE_ASSIGN_OR_RETURN(
        std::vector<legacy::LegacySet> sets,
        legacy::LoadLegacyFolder(config.legacy.folder, legacy::LegacyKind::kProbe,
                                 trained.class_names, shape));
    if (sets.empty())
      return BadValue("legacy.folder", config.legacy.folder, "a folder that has a probe");
    SLUICE_ASSIGN_OR_RETURN(dist::Group group, dist::Group::Alone());
    return Checker(std::move(trained), train::Probes(std::move(sets), pipeline, config.eval_batch),
                   std::move(group));
  }

  // Takes the values of another checkpoint of the same model.
  absl::Status Load(const std::string& path) {
    SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                            tensors::SafetensorsFile::Open(path));
    SLUICE_ASSIGN_OR_RETURN(const checkpoint::TrainState state, checkpoint::LoadState(file, path));
    if (state.class_names != trained_.class_names)
      return absl::InvalidArgumentError(absl::StrCat("'", path, "' is of other classes"));
    checkpoint::TrainTensors tensors;
    tensors.model = model::NamedParameters(trained_.model->vit());
    tensors.adapters = model::NamedAdapters(trained_.model->vit());
    tensors.gate = trained_.model->HeadParameters();
    SLUICE_RETURN_IF_ERROR(Annotate(checkpoint::LoadTensors(file, tensors), path));
    step_ = state.step;
    return absl::OkStatus();
  }

  absl::StatusOr<train::ProbeAnswer> Check() {
    const auto start = train::Clock::now();
    train::ProbeAnswer answer;
    answer.step = step_;
    SLUICE_ASSIGN_OR_RETURN(answer.findings, probes_.Check(*trained_.model, group_));
    answer.seconds = train::SecondsSince(start);
    return answer;
  }

 private:
  Checker(TrainedModel trained, train::Probes probes, dist::Group group)
      : trained_(std::move(trained)), probes_(std::move(probes)), group_(std::move(group)) {}

  TrainedModel trained_;
  train::Probes probes_;
  dist::Group group_;
  uint64_t step_ = 0;
};

// A checkpoint's path a line comes in, a line of JSON goes out.
absl::Status Follow(Checker& checker, std::string path) {
  do {
    SLUICE_RETURN_IF_ERROR(checker.Load(path));
    SLUICE_ASSIGN_OR_RETURN(const train::ProbeAnswer answer, checker.Check());
    std::cout << train::AnswerToJson(answer) << std::endl;
  } while (std::getline(std::cin, path));
  return absl::OkStatus();
}

absl::Status CheckOnce(Checker& checker, const config::TrainConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const train::ProbeAnswer answer, checker.Check());
  for (const train::ProbeFinding& f : answer.findings) {
    std::cout << absl::StrFormat(
        "%s: %d images, loss %.4f (%+.2f %%, limit %.2f %%), accuracy %.2f %%%s\n", f.probe,
        f.images, f.loss, 100 * f.delta(), 100 * f.limit(), 100 * f.accuracy,
        f.is_worse() ? ", worse" : "");
  }
  const std::string json = train::AnswerToJson(answer) + "\n";
  if (config.json == "-") std::cout << json;
  return config.json.empty() || config.json == "-" ? absl::OkStatus()
                                                   : WriteFileAtomically(config.json, json);
}

}  // namespace

absl::Status Probe(const std::vector<std::string>& arguments) {
  bool follow = false;
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> parsed,
      ParseForTrainedModel("sluice-worker probe",
                           "Checks the probes of --legacy.folder with the weights of --model.init",
                           arguments, [&follow](OptionSet& o) {
                             o.Action("follow", &follow,
                                      "Then those of further checkpoints of the same model, whose "
                                      "paths are read from standard input, a line each; answers "
                                      "are lines of JSON, at low priority");
                           }));
  if (!parsed) return absl::OkStatus();
  StartLog("probe", parsed->log_level);
  // Whoever is told to end by a terminal ends this process, too.
  if (follow) std::signal(SIGINT, SIG_IGN);
  if (follow && ::setpriority(PRIO_PROCESS, 0, kNice) != 0) LogWarn("priority stays as it is");
  absl::Status status;
  SLUICE_RETURN_IF_ERROR(dist::Guard("probe", [&] {
    absl::StatusOr<Checker> checker = Checker::Make(*parsed);
    status = checker.status();
    if (!checker.ok()) return;
    status = follow ? Follow(*checker, parsed->model.init) : CheckOnce(*checker, *parsed);
  }));
  return status;
}

}  // namespace sluice::commands

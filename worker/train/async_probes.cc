#include "worker/train/async_probes.h"

#include <csignal>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/checkpoint/saver.h"

namespace sluice::train {
namespace {

using std::chrono::milliseconds;

// What a model's output depends on, and nothing that grows with the run.
checkpoint::TrainTensors WithoutMoments(checkpoint::TrainTensors tensors) {
  tensors.first_moments.clear();
  tensors.second_moments.clear();
  return tensors;
}

checkpoint::TrainState ModelsPart(const checkpoint::TrainState& state) {
  checkpoint::TrainState part;
  part.step = state.step;
  part.class_names = state.class_names;
  part.mean = state.mean;
  part.std = state.std;
  part.config_toml = state.config_toml;
  return part;
}

}  // namespace

bool AsyncProbes::Start(const checkpoint::TrainState& state,
                        const checkpoint::TrainTensors& tensors) {
  if (is_busy()) {
    if (!std::exchange(said_busy_, true)) {
      LogWarn(absl::StrFormat("the probes of step %d are not checked: those of step %d still are",
                              state.step, step_));
    }
    return false;
  }
  step_ = state.step;
  stage_ = Stage::kWriting;
  said_busy_ = false;
  write_ = std::async(
      std::launch::async,
      [path = options_.snapshot, part = ModelsPart(state),
       copy = checkpoint::CopyTensors(WithoutMoments(tensors))]() -> absl::Status {
        SLUICE_RETURN_IF_ERROR(MakeFolder(std::filesystem::path(path).parent_path().string()));
        return checkpoint::SaveCheckpoint(path, part, copy);
      });
  return true;
}

absl::Status AsyncProbes::StartProcess() {
  launch::ChildOptions child;
  child.program = options_.program;
  child.arguments = {"probe", "--follow", absl::StrCat("--model.init=", options_.snapshot),
                     absl::StrCat("--legacy.folder=", options_.legacy.folder),
                     absl::StrCat("--train.threads=", options_.legacy.probe_threads),
                     absl::StrCat("--eval.batch=", options_.eval_batch), "--device=cpu",
                     // The run's own may stand in the environment.
                     "--probe.every=0", "--probe.async=false", "--rehearsal.share=0",
                     "--ewc.lambda=0"};
  child.capture_stdout = true;
  child.feed_stdin = true;
  // It has nothing to save.
  child.parent_death_signal = SIGKILL;
  SLUICE_ASSIGN_OR_RETURN(launch::ChildProcess process, launch::ChildProcess::Start(child));
  LogInfo(absl::StrCat("probes are checked by process ", process.pid()));
  process_.emplace(std::move(process));
  return absl::OkStatus();
}

// A new process checks the snapshot that it is started with.
absl::Status AsyncProbes::Ask() {
  SLUICE_RETURN_IF_ERROR(write_.get());
  // It may have died since it answered.
  if (process_ && process_->Wait(milliseconds(0)).ok()) {
    LogWarn(absl::StrCat("the process of the probes ", process_->Wait(milliseconds(0))->ToString(),
                         ", and is started again"));
    process_.reset();
  }
  if (!process_) return StartProcess();
  return process_->WriteLine(options_.snapshot);
}

void AsyncProbes::Lose(const std::string& why) {
  LogWarn(absl::StrFormat("the check of the probes of step %d is lost: %s", step_, why));
  process_.reset();
  stage_ = Stage::kIdle;
}

std::optional<ProbeAnswer> AsyncProbes::Poll() {
  if (stage_ == Stage::kWriting &&
      write_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    const absl::Status asked = Ask();
    asked_ = Clock::now();
    stage_ = Stage::kAsked;
    if (!asked.ok()) Lose(std::string(asked.message()));
  }
  if (stage_ != Stage::kAsked) return std::nullopt;
  const absl::StatusOr<std::string> line = process_->ReadLine(milliseconds(0));
  if (absl::IsDeadlineExceeded(line.status())) {
    if (SecondsSince(asked_) > options_.legacy.probe_deadline)
      Lose(absl::StrFormat("no answer within %g s (probe.deadline)",
                           options_.legacy.probe_deadline));
    return std::nullopt;
  }
  if (!line.ok()) {
    // Its end follows that of its output at once.
    const absl::StatusOr<launch::ExitStatus> exit = process_->Wait(milliseconds(50));
    Lose(exit.ok() ? "its process " + exit->ToString() : std::string(line.status().message()));
    return std::nullopt;
  }
  absl::StatusOr<ProbeAnswer> answer = AnswerFromJson(*line);
  if (!answer.ok() || answer->step != step_) {
    Lose(answer.ok() ? absl::StrCat("the answer is of step ", answer->step)
                     : std::string(answer.status().message()));
    return std::nullopt;
  }
  stage_ = Stage::kIdle;
  return *std::move(answer);
}

}  // namespace sluice::train

#include "worker/study/turns.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/launch/sidecar_process.h"

namespace sluice::study {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A run reads its data and joins its group before it can be paused, and a pause waits for a step
// and perhaps for an evaluation.
constexpr std::chrono::minutes kLongestWait{5};
constexpr milliseconds kLook{20};
constexpr std::chrono::seconds kProgressInterval{10};
constexpr size_t kLogTail = 600;  // Bytes of a failed run's log that are shown.

// One run and its process.
class Turn {
 public:
  static absl::StatusOr<Turn> Start(const TurnRun& run) {
    TrainOptions options = run.options;
    options.push_back({"run.paused", "true"});
    options.push_back({"worker.listen", "127.0.0.1:0"});
    const std::filesystem::path folder(run.folder);
    std::error_code error;
    std::filesystem::create_directories(folder.parent_path(), error);
    Turn turn(run.name, (folder.parent_path() / (run.name + ".log")).string());
    turn.share_ = run.share;
    std::filesystem::remove(turn.log_, error);
    SLUICE_ASSIGN_OR_RETURN(TrainProcess process, StartTrain(run.folder, options, turn.log_));
    turn.process_.emplace(std::move(process));
    SLUICE_RETURN_IF_ERROR(turn.AwaitAddress());
    SLUICE_ASSIGN_OR_RETURN(const bool paused, turn.Pause());
    if (!paused) return turn.Failed("cannot be paused before its first step");
    return turn;
  }

  bool ended() const { return report_.has_value(); }
  int64_t steps() const { return steps_; }
  const train::TrainReport& report() const { return *report_; }

  // Trains for its share of `whole_slice`, or to the end.
  absl::Status Run(milliseconds whole_slice) {
    const milliseconds slice(std::llround(share_ * static_cast<double>(whole_slice.count())));
    SLUICE_ASSIGN_OR_RETURN(const std::optional<int64_t> first, Ask("resume"));
    if (!first) return Failed("cannot be resumed");
    const absl::StatusOr<launch::ExitStatus> exit = process_->process.Wait(slice);
    if (!exit.ok() && exit.status().code() != absl::StatusCode::kDeadlineExceeded) {
      return exit.status();
    }
    bool paused = false;
    if (!exit.ok()) {
      SLUICE_ASSIGN_OR_RETURN(paused, Pause());
    }
    return paused ? absl::OkStatus() : Finish();
  }

 private:
  Turn(std::string name, std::string log) : name_(std::move(name)), log_(std::move(log)) {}

  absl::Status Failed(const std::string& what) const {
    const std::string log = ReadFile(log_).value_or("");
    return absl::AbortedError(
        absl::StrCat("run ", name_, " ", what, "; the end of its log '", log_, "':\n",
                     log.size() > kLogTail ? log.substr(log.size() - kLogTail) : log));
  }

  absl::Status AwaitAddress() {
    const std::string file = (std::filesystem::path(process_->folder) / "service.rank0").string();
    const auto deadline = Clock::now() + kLongestWait;
    while (Clock::now() < deadline) {
      if (const absl::StatusOr<std::string> text = ReadFile(file); text.ok()) {
        address_ = std::string(absl::StripSuffix(*text, "\n"));
        return absl::OkStatus();
      }
      if (process_->process.Wait(milliseconds(0)).ok())
        return Failed("ended before its first step");
      std::this_thread::sleep_for(kLook);
    }
    return Failed("did not start in time");
  }

  // False: it is ending, and its end is to be waited for.
  absl::StatusOr<bool> Pause() {
    SLUICE_ASSIGN_OR_RETURN(const std::optional<int64_t> step, Ask("pause"));
    if (step) steps_ = *step;
    return step.has_value();
  }

  // The step that the run's service answers with; nothing if it refuses or is gone.
  absl::StatusOr<std::optional<int64_t>> Ask(const std::string& action) {
    launch::ChildOptions child;
    SLUICE_ASSIGN_OR_RETURN(child.program, launch::SiblingProgram("sluicectl"));
    child.arguments = {"worker",    action,
                       address_,    "--json",
                       "--timeout", std::to_string(std::chrono::seconds(kLongestWait).count())};
    child.capture_stdout = true;
    child.stderr_file = log_;
    SLUICE_ASSIGN_OR_RETURN(launch::ChildProcess process, launch::ChildProcess::Start(child));
    const absl::StatusOr<std::string> line = process.ReadLine(kLongestWait);
    SLUICE_ASSIGN_OR_RETURN(const launch::ExitStatus exit, process.Wait(kLongestWait));
    if (!exit.ok() || !line.ok()) return std::optional<int64_t>();
    const auto answer = nlohmann::json::parse(*line, nullptr, false);
    int64_t step = 0;
    // Protobuf's JSON has 64-bit integers as strings.
    if (!answer.is_object() || !absl::SimpleAtoi(answer.value("step", std::string()), &step)) {
      return absl::InternalError(absl::StrCat("sluicectl worker ", action, " said: ", *line));
    }
    return std::optional<int64_t>(step);
  }

  absl::Status Finish() {
    absl::StatusOr<train::TrainReport> report = FinishTrain(*process_);
    if (!report.ok()) return Failed(std::string(report.status().message()));
    steps_ = report->last_step;
    report_ = *std::move(report);
    return absl::OkStatus();
  }

  std::string name_;
  std::string log_;
  double share_ = 1.0;
  std::string address_;
  std::optional<TrainProcess> process_;
  int64_t steps_ = 0;
  std::optional<train::TrainReport> report_;
};

}  // namespace

absl::StatusOr<std::vector<train::TrainReport>> RunInTurns(const std::vector<TurnRun>& runs,
                                                           const TurnOptions& options) {
  std::vector<Turn> turns;
  for (const TurnRun& run : runs) {
    SLUICE_ASSIGN_OR_RETURN(Turn turn, Turn::Start(run));
    turns.push_back(std::move(turn));
  }
  const auto all_ended = [&turns] {
    return std::all_of(turns.begin(), turns.end(), [](const Turn& t) { return t.ended(); });
  };
  auto said = Clock::now();
  while (!all_ended()) {
    for (Turn& turn : turns) {
      if (!turn.ended()) SLUICE_RETURN_IF_ERROR(turn.Run(options.slice));
    }
    if (options.progress && (Clock::now() - said >= kProgressInterval || all_ended())) {
      said = Clock::now();
      std::vector<int64_t> steps;
      for (const Turn& turn : turns) steps.push_back(turn.steps());
      options.progress(steps);
    }
  }
  std::vector<train::TrainReport> reports;
  for (const Turn& turn : turns) reports.push_back(turn.report());
  return reports;
}

}  // namespace sluice::study

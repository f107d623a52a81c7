#include <bit>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/bad_value.h"
#include "common/file.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/commands/command.h"
#include "worker/config/access_config.h"
#include "worker/config/train_config.h"
#include "worker/telemetry/decision_log.h"
#include "worker/train/loss_log.h"

namespace sluice::commands {
namespace {

namespace fs = std::filesystem;

struct ReplayConfig {
  std::string log;
  std::string output;
};

absl::StatusOr<bool> ParseReplay(std::vector<std::string> arguments, ReplayConfig& config) {
  OptionSet options("sluice-worker replay LOG",
                    "Trains once more under a run's decision log, and compares decisions and "
                    "losses to the bit. LOG is decisions.jsonl in the run's folder");
  options.Text("log", &config.log, "The decision log; the same as LOG");
  options.Text("output", &config.output,
               "New folder of the second run; empty: replay beside LOG, removed at the end");
  if (!arguments.empty() && arguments[0].rfind("-", 0) != 0)
    arguments[0] = absl::StrCat("--log=", arguments[0]);
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (go_on && config.log.empty()) return BadValue("LOG", "", "a decision log");
  return go_on;
}

// What the run was trained with, as arguments that train it again in `folder` under `log`.
std::vector<std::string> TrainArguments(const checkpoint::TrainState& state,
                                        const std::string& config_file, const std::string& folder,
                                        const std::string& log) {
  std::vector<std::string> arguments = {absl::StrCat("--config=", config_file),
                                        absl::StrCat("--run.folder=", folder),
                                        absl::StrCat("--directives=", log),
                                        absl::StrCat("--nproc=", state.counters.size()),
                                        absl::StrCat("--stop_after=", state.step),
                                        "--resume=false",
                                        "--run.paused=false",
                                        "--max-restarts=0",
                                        "--sidecar=off",
                                        "--worker.listen=off",
                                        "--json="};
  // Nobody is called, and nobody calls.
  for (const char* option : {"telemetry.tls.ca", "telemetry.tls.cert", "telemetry.tls.key",
                             "telemetry.tls.name", "telemetry.token-file", "worker.tls.cert",
                             "worker.tls.key", "worker.tls.client-ca", "worker.tokens"}) {
    arguments.push_back(absl::StrCat("--", option, "="));
  }
  return arguments;
}

// What makes it train on the same images of a live stream, if there was one.
absl::Status AddStream(const std::string& config_file, const fs::path& run,
                       std::vector<std::string>& arguments) {
  config::TrainConfig config;
  OptionSet options("sluice-worker replay", "");
  config::DefineTrainOptions(options, config);
  config::AccessConfig access;
  config::DefineAccessOptions(options, access);
  SLUICE_RETURN_IF_ERROR(options.Parse({absl::StrCat("--config=", config_file)}).status());
  if (!config.ingest.enabled) return absl::OkStatus();
  arguments.push_back(
      absl::StrCat("--ingest.folder=", config::ResolveIngestFolder(config.ingest, run.string())));
  arguments.push_back(absl::StrCat("--ingest.replay=", (run / "epochs.jsonl").string()));
  return absl::OkStatus();
}

// Decisions that took effect up to `last`.
absl::StatusOr<std::vector<telemetry::DecisionEntry>> DecisionsUntil(const std::string& path,
                                                                     uint64_t last) {
  auto entries = telemetry::ReadDecisionLog(path);
  if (absl::IsNotFound(entries.status())) return std::vector<telemetry::DecisionEntry>();
  SLUICE_RETURN_IF_ERROR(entries.status());
  std::erase_if(*entries, [last](const auto& entry) { return entry.step > last; });
  return entries;
}

absl::Status CompareDecisions(const std::vector<telemetry::DecisionEntry>& first,
                              const std::vector<telemetry::DecisionEntry>& again) {
  for (size_t i = 0; i < std::max(first.size(), again.size()); ++i) {
    if (i < first.size() && i < again.size() && first[i].step == again[i].step &&
        first[i].directive == again[i].directive) {
      continue;
    }
    const auto name = [i](const std::vector<telemetry::DecisionEntry>& entries) {
      return i < entries.size() ? absl::StrCat("directive ", entries[i].directive.version,
                                               " at step ", entries[i].step)
                                : std::string("none");
    };
    return absl::DataLossError(
        absl::StrCat("decision ", i + 1, " differs: ", name(again), ", in the log ", name(first)));
  }
  return absl::OkStatus();
}

absl::Status CompareLosses(const std::vector<uint64_t>& first, const std::vector<uint64_t>& again) {
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] == again[i]) continue;
    return absl::DataLossError(absl::StrFormat("the loss of step %d differs: %.17g, was %.17g",
                                               i + 1, std::bit_cast<double>(again[i]),
                                               std::bit_cast<double>(first[i])));
  }
  return absl::OkStatus();
}

absl::Status ReplayInto(const std::string& folder, const std::string& log,
                        const checkpoint::TrainState& state) {
  const fs::path run = fs::path(log).parent_path();
  SLUICE_ASSIGN_OR_RETURN(const auto decisions, DecisionsUntil(log, state.step));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<uint64_t> losses,
                          train::ReadLossBits((run / train::kLossLogName).string(), state.step));
  SLUICE_RETURN_IF_ERROR(MakeFolder(folder));
  const std::string config_file = folder + "/replayed.toml";
  SLUICE_RETURN_IF_ERROR(WriteFileAtomically(config_file, state.config_toml));
  std::vector<std::string> arguments = TrainArguments(state, config_file, folder, log);
  SLUICE_RETURN_IF_ERROR(AddStream(config_file, run, arguments));
  SLUICE_RETURN_IF_ERROR(Train(arguments));
  SLUICE_ASSIGN_OR_RETURN(const auto decided,
                          DecisionsUntil(folder + "/decisions.jsonl", state.step));
  SLUICE_RETURN_IF_ERROR(CompareDecisions(decisions, decided));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<uint64_t> found,
                          train::ReadLossBits(folder + "/" + train::kLossLogName, state.step));
  SLUICE_RETURN_IF_ERROR(CompareLosses(losses, found));
  std::cout << absl::StrFormat("replayed %d steps, %d decisions: identical to the bit", state.step,
                               decisions.size())
            << std::endl;
  return absl::OkStatus();
}

}  // namespace

absl::Status Replay(const std::vector<std::string>& arguments) {
  ReplayConfig config;
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, ParseReplay(arguments, config));
  if (!go_on) return absl::OkStatus();
  const std::string log = fs::absolute(config.log).string();
  const std::string run = fs::path(log).parent_path().string();
  SLUICE_ASSIGN_OR_RETURN(const auto newest, checkpoint::LoadNewest(run));
  if (!newest) {
    return absl::NotFoundError(
        absl::StrCat("'", run, "' has no checkpoint, which says how the run was trained"));
  }
  const bool is_scratch = config.output.empty();
  const std::string folder = is_scratch ? run + "/replay" : config.output;
  if (fs::exists(folder) && !fs::is_empty(folder)) {
    return absl::AlreadyExistsError(
        absl::StrCat("'", folder, "' is not empty: remove it, or give --output a new folder"));
  }
  const absl::Status status = ReplayInto(folder, log, newest->state);
  std::error_code ignored;
  if (is_scratch) fs::remove_all(folder, ignored);
  return status;
}

}  // namespace sluice::commands

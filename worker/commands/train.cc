#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/commands/command.h"
#include "worker/config/access_config.h"
#include "worker/config/train_config.h"
#include "worker/dist/process_group.h"
#include "worker/launch/local_ranks.h"
#include "worker/launch/rank_environment.h"
#include "worker/launch/sidecar_process.h"
#include "worker/train/rank_main.h"

namespace sluice::commands {
namespace {

// Nothing that was saved is lost: a folder with checkpoints is only entered to go on from them.
absl::Status CheckFolder(const config::TrainConfig& config) {
  const std::vector<std::string> found = checkpoint::ListCheckpoints(config.run_folder);
  if (config.resume || found.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("run.folder '", config.run_folder, "' holds ", found.back(),
                   ": give --resume to go on from it, or another run.folder"));
}

// `arguments` with `value` for the option `flag` in the place of what was asked for.
std::vector<std::string> WithOption(const std::vector<std::string>& arguments,
                                    const std::string& flag, const std::string& value) {
  std::vector<std::string> result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == flag) {
      // And its value; a bare flag has none.
      if (i + 1 < arguments.size() && !absl::StartsWith(arguments[i + 1], "--")) ++i;
    } else if (!absl::StartsWith(arguments[i], flag + "=")) {
      result.push_back(arguments[i]);
    }
  }
  result.push_back(absl::StrCat(flag, "=", value));
  return result;
}

// How ranks that failed are followed by others, and how long they have to end.
void SetRestarts(const config::TrainConfig& config, launch::LocalRanksConfig& ranks) {
  const auto milliseconds = [](double seconds) {
    return std::chrono::milliseconds(static_cast<int64_t>(1e3 * seconds));
  };
  ranks.max_restarts = static_cast<int>(config.max_restarts);
  // Nobody is there who would resume it a second time.
  ranks.restart_arguments =
      WithOption(WithOption(ranks.arguments, "--resume", "true"), "--run.paused", "false");
  ranks.hold_signals = true;
  // A silent rank is noticed after the timeout; twice this, and the group is gone before another.
  ranks.grace = milliseconds(std::min(10.0, config.collective_timeout / 8));
  ranks.stop_grace = milliseconds(config.grace_seconds);
}

// Starts the sidecar if need be and the ranks, and waits for them. No gRPC object may exist in this
// process.
absl::Status Launch(const config::TrainConfig& config, const std::vector<std::string>& arguments) {
  SLUICE_RETURN_IF_ERROR(CheckFolder(config));
  std::optional<launch::SidecarProcess> sidecar;
  std::string address = config.sidecar;
  if (config.sidecar == "spawn") {
    launch::SidecarOptions options;
    options.state = config.run_folder + "/sidecar";
    SLUICE_ASSIGN_OR_RETURN(launch::SidecarProcess process, launch::SidecarProcess::Start(options));
    LogInfo(absl::StrCat("sidecar: metrics at http://", process.http().ToString(), "/metrics"));
    address = process.grpc().ToString();
    sidecar.emplace(std::move(process));
  }
  launch::LocalRanksConfig ranks;
  SLUICE_ASSIGN_OR_RETURN(auto store, dist::ServeStore(&ranks.master_port));
  SLUICE_ASSIGN_OR_RETURN(ranks.program, launch::SiblingProgram("sluice-worker"));
  ranks.nproc = static_cast<int>(config.nproc);
  ranks.arguments = WithOption(arguments, "--sidecar", address);
  ranks.arguments.insert(ranks.arguments.begin(), "train");
  ranks.environment = {"SLUICE_STORE_SERVED=1"};
  ranks.threads_per_rank = static_cast<int>(config.train.threads);
  SetRestarts(config, ranks);
  absl::Status status = launch::RunLocalRanks(ranks);
  if (sidecar) {
    const absl::Status stopped = sidecar->Stop(std::chrono::seconds(10));
    if (!stopped.ok()) LogWarn(absl::StrCat("sidecar: ", stopped.message()));
  }
  return status;
}

}  // namespace

absl::Status Train(const std::vector<std::string>& arguments) {
  config::TrainConfig config;
  OptionSet options("sluice-worker train",
                    "Trains a vision transformer with a gated backward pass");
  config::DefineTrainOptions(options, config);
  config::AccessConfig access;
  config::DefineAccessOptions(options, access);
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(config::ValidateTrainConfig(config));
  SLUICE_RETURN_IF_ERROR(config::ValidateAccessConfig(access, config.sidecar, config.listen));
  if (config.print_config) {
    std::cout << options.ToToml() << std::endl;
    return absl::OkStatus();
  }
  const bool is_rank = launch::HasRankEnvironment();
  const char* rank = std::getenv("RANK");
  const bool is_quiet =
      is_rank && rank != nullptr && std::string(rank) != "0" && config.log_level == "info";
  StartLog(is_rank ? absl::StrCat("rank", rank == nullptr ? "?" : rank) : "launcher",
           is_quiet ? "warn" : config.log_level);
  return is_rank ? train::RankMain(config, access, options.ToToml()) : Launch(config, arguments);
}

}  // namespace sluice::commands

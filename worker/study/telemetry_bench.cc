#include "worker/study/telemetry_bench.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/study/killed_sidecar.h"
#include "worker/study/train_run.h"
#include "worker/study/turns.h"

namespace sluice::study {
namespace {

// Both runs of a round take turns of this length: this machine's changes of speed last longer.
constexpr std::chrono::milliseconds kSlice{500};

TrainOptions GatedRun(const TelemetryBenchConfig& config, const std::string& name,
                      const std::string& sidecar) {
  return {{"run.name", name},
          {"nproc", std::to_string(config.nproc)},
          {"sidecar", sidecar},
          {"data.folder", config.data_folder},
          {"data.eval_subset", "first:64"},
          {"train.steps", std::to_string(config.steps)},
          {"gate.mode", "compact"},
          {"gate.scorer", "information"},
          {"gate.policy", "budget"},
          {"gate.rate", "0.25"},
          {"checkpoint.keep", "1"}};
}

}  // namespace

double StudentQuantile(size_t degrees) {
  constexpr std::array<double, 15> kTable = {12.706, 4.303, 3.182, 2.776, 2.571,
                                             2.447,  2.365, 2.306, 2.262, 2.228,
                                             2.201,  2.179, 2.160, 2.145, 2.131};
  if (degrees <= kTable.size()) return kTable[degrees - 1];
  // Expansion around the normal's quantile (Abramowitz and Stegun, 26.7.5), here right to 1e-3.
  constexpr double z = 1.959964, z3 = z * z * z, z5 = z3 * z * z;
  const auto n = static_cast<double>(degrees);
  return z + (z3 + z) / (4.0 * n) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n * n);
}

RatioInterval StepRatio(const std::vector<TelemetryRound>& rounds) {
  SLUICE_CHECK(rounds.size() >= 2);
  double sum = 0.0, squares = 0.0;
  const auto count = static_cast<double>(rounds.size());
  for (const TelemetryRound& r : rounds) sum += std::log(r.on_step_seconds / r.off_step_seconds);
  const double mean = sum / count;
  for (const TelemetryRound& r : rounds) {
    squares += std::pow(std::log(r.on_step_seconds / r.off_step_seconds) - mean, 2.0);
  }
  const double half =
      StudentQuantile(rounds.size() - 1) * std::sqrt(squares / (count - 1.0) / count);
  return {std::exp(mean), std::exp(mean - half), std::exp(mean + half)};
}

absl::StatusOr<std::string> RunTelemetryBench(const TelemetryBenchConfig& config) {
  SLUICE_RETURN_IF_ERROR(MakeFolder(config.output));
  const auto path = [&](const std::string& name) {
    return (std::filesystem::path(config.output) / name).string();
  };
  std::error_code error;
  std::filesystem::remove_all(path("sidecar"), error);
  launch::SidecarOptions options;
  options.state = path("sidecar");
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<KilledSidecar> sidecar,
                          KilledSidecar::Start(options, config.kill_every));
  std::vector<TelemetryRound> rounds;
  nlohmann::json list = nlohmann::json::array();
  for (int64_t round = 0; round < config.rounds; ++round) {
    const size_t on = static_cast<size_t>(round % 2);  // Who goes first changes.
    std::vector<TurnRun> runs;
    for (size_t i = 0; i < 2; ++i) {
      const std::string name = i == on ? "with" : "without";
      runs.push_back(
          {name, path(name),
           GatedRun(config, absl::StrCat("bench-", round), i == on ? sidecar->address() : "off")});
    }
    SLUICE_ASSIGN_OR_RETURN(const std::vector<train::TrainReport> reports,
                            RunInTurns(runs, {kSlice, nullptr}));
    TelemetryRound measured;
    measured.on_step_seconds = reports[on].median_step_seconds;
    measured.off_step_seconds = reports[1 - on].median_step_seconds;
    measured.publisher_share = reports[on].publisher_cpu_seconds / reports[on].seconds;
    rounds.push_back(measured);
    std::cout
        << absl::StrFormat(
               "round %d: step %.2f ms without a sidecar, %.2f ms with one; publisher %.3f %%",
               round, 1e3 * measured.off_step_seconds, 1e3 * measured.on_step_seconds,
               100.0 * measured.publisher_share)
        << std::endl;
    list.push_back({{"off_step_ms", 1e3 * measured.off_step_seconds},
                    {"on_step_ms", 1e3 * measured.on_step_seconds},
                    {"publisher_share", measured.publisher_share}});
  }
  SLUICE_RETURN_IF_ERROR(sidecar->Stop());
  const RatioInterval ratio = StepRatio(rounds);
  std::cout << absl::StrFormat("step with a sidecar over without: %.4f, 95 %% in [%.4f, %.4f]",
                               ratio.ratio, ratio.low, ratio.high)
            << std::endl;
  if (config.kill_every > 0.0) {
    std::cout << "the sidecar was killed " << sidecar->kills() << " times" << std::endl;
  }
  return nlohmann::json{{"rounds", list},
                        {"kills", sidecar->kills()},
                        {"ratio", ratio.ratio},
                        {"low", ratio.low},
                        {"high", ratio.high}}
      .dump(2);
}

}  // namespace sluice::study

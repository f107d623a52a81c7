#include <iostream>

#include "common/file.h"
#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/study/telemetry_bench.h"

namespace sluice::commands {

absl::Status Bench(const std::vector<std::string>& arguments) {
  study::TelemetryBenchConfig config;
  std::string what = "telemetry", json;
  OptionSet options("sluice-worker bench", "Measures what Sluice costs");
  options.Choice("what", &what, {"telemetry"},
                 "telemetry: steps with a sidecar over steps without, in turn");
  options.Text("output", &config.output, "Folder of the runs");
  options.Text("data", &config.data_folder, "Folder of Fashion-MNIST's IDX files");
  options.Integer("nproc", &config.nproc, 1, 64, "Ranks");
  options.Integer("rounds", &config.rounds, 2, 1000, "Pairs of runs");
  options.Integer("steps", &config.steps, 30, 1'000'000, "Steps of a run");
  options.Text("json", &json, "Where the figures go; - is standard output");
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  StartLog("bench", "info");
  SLUICE_ASSIGN_OR_RETURN(const std::string figures, study::RunTelemetryBench(config));
  if (json == "-") std::cout << figures << std::endl;
  return json.empty() || json == "-" ? absl::OkStatus() : WriteFileAtomically(json, figures);
}

}  // namespace sluice::commands

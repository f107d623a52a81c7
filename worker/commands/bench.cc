#include <iostream>

#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/dist/process_group.h"
#include "worker/gate/settings.h"
#include "worker/study/telemetry_bench.h"
#include "worker/train/step_bench.h"

namespace sluice::commands {
namespace {

struct BenchOptions {
  std::string what = "step";
  std::string json;
  std::string modes = "compact,selective";
  study::TelemetryBenchConfig telemetry;
  train::StepBenchConfig step;
};

void Define(OptionSet& o, BenchOptions& b) {
  o.Choice("what", &b.what, {"step", "telemetry"},
           "step: gated steps over dense ones, in turn; telemetry: steps with a sidecar over steps "
           "without, in turn");
  o.Integer("rounds", &b.step.rounds, 2, 100'000, "Times that everything is measured");
  o.Text("json", &b.json, "Where the figures go; - is standard output");
  o.Text("output", &b.telemetry.output, "telemetry: folder of the runs");
  o.Text("data", &b.telemetry.data_folder, "telemetry: folder of Fashion-MNIST's IDX files");
  o.Integer("nproc", &b.telemetry.nproc, 1, 64, "telemetry: ranks");
  o.Integer("steps", &b.telemetry.steps, 30, 1'000'000, "telemetry: steps of a run");
  o.Number("kill-every", &b.telemetry.kill_every, 0, 86400,
           "telemetry: mean seconds between kills of the sidecar; 0: none");
  o.Text("modes", &b.modes, "step: mask, selective, compact, separated by commas");
  o.Numbers("rates", &b.step.rates, 0.001, 1, "step: activation rates");
  o.Integers("layers", &b.step.layers, 1, 127, "step: blocks after which a gate stands");
  o.Choice("scorer", &b.step.scorer, gate::ScorerNames(), "step: where scores come from");
  o.Integer("classes", &b.step.classes, 2, 1'000'000, "step: classes");
  o.Integer("batch", &b.step.batch, 1, 65536, "step: images");
  o.Integer("threads", &b.step.threads, 1, 1024, "step: compute threads");
  config::DefineModelOptions(o, b.step.model);
}

absl::StatusOr<std::string> Measure(BenchOptions& b) {
  if (b.what == "telemetry") {
    b.telemetry.rounds = b.step.rounds;
    return study::RunTelemetryBench(b.telemetry);
  }
  b.step.modes = absl::StrSplit(b.modes, ',', absl::SkipEmpty());
  for (const std::string& mode : b.step.modes) {
    if (mode == "mask" || mode == "selective" || mode == "compact") continue;
    return absl::InvalidArgumentError(
        absl::StrCat("modes has '", mode, "', expected mask, selective or compact"));
  }
  absl::StatusOr<std::string> figures;
  SLUICE_RETURN_IF_ERROR(dist::Guard("bench", [&] { figures = train::RunStepBench(b.step); }));
  return figures;
}

}  // namespace

absl::Status Bench(const std::vector<std::string>& arguments) {
  BenchOptions bench;
  OptionSet options("sluice-worker bench", "Measures what Sluice saves and costs");
  Define(options, bench);
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  StartLog("bench", "info");
  SLUICE_ASSIGN_OR_RETURN(const std::string figures, Measure(bench));
  if (bench.json == "-") std::cout << figures << std::endl;
  return bench.json.empty() || bench.json == "-" ? absl::OkStatus()
                                                 : WriteFileAtomically(bench.json, figures);
}

}  // namespace sluice::commands

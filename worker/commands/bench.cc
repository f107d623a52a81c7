#include <algorithm>
#include <iostream>
#include <map>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/bad_value.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/dist/process_group.h"
#include "worker/gate/settings.h"
#include "worker/study/storage_bench.h"
#include "worker/study/telemetry_bench.h"
#include "worker/train/kernel_bench.h"
#include "worker/train/memory_bench.h"
#include "worker/train/step_bench.h"

namespace sluice::commands {
namespace {

struct BenchOptions {
  std::string what = "step";
  std::string json;
  std::string modes;
  std::string activations = "fp32,fp8";
  study::TelemetryBenchConfig telemetry;
  study::StorageBenchConfig storage;
  train::KernelBenchConfig kernels;
  train::MemoryBenchConfig step;  // What step is told is part of it.
};

void Define(OptionSet& o, BenchOptions& b) {
  o.Choice("what", &b.what, {"step", "kernels", "memory", "storage", "telemetry"},
           "step: gated steps over dense ones, in turn; kernels: each beside the operators that it "
           "stands for; memory: bytes of a step beside the planned "
           "ones; storage: accuracy with activations kept in smaller forms against float32; "
           "telemetry: steps with a sidecar over steps without, in turn");
  o.Integer("rounds", &b.step.rounds, 2, 100'000, "Times that everything is measured");
  o.Text("json", &b.json, "Where the figures go; - is standard output");
  o.Text("output", &b.telemetry.output, "storage, telemetry: folder of the runs");
  o.Text("data", &b.telemetry.data_folder,
         "storage, telemetry: folder of Fashion-MNIST's IDX files");
  o.Integer("nproc", &b.telemetry.nproc, 1, 64, "storage, telemetry: ranks");
  o.Integer("seeds", &b.storage.seeds, 1, 100, "storage: repetitions with other images");
  o.Integer("steps", &b.telemetry.steps, 30, 1'000'000, "storage, telemetry: steps of a run");
  o.Number("kill-every", &b.telemetry.kill_every, 0, 86400,
           "telemetry: mean seconds between kills of the sidecar; 0: none");
  o.Text("modes", &b.modes,
         "step, memory: of mask, selective, compact (and, for memory, dense), separated by commas");
  o.Text("activations", &b.activations,
         "memory, storage: of fp32, bf16, fp8, separated by commas: how the forward keeps them");
  o.Numbers("rates", &b.step.rates, 0.001, 1, "step, memory: activation rates");
  o.Integers("layers", &b.step.layers, 1, 127, "step, memory: blocks after which a gate stands");
  o.Choice("scorer", &b.step.scorer, gate::ScorerNames(), "step, memory: where scores come from");
  o.Integer("classes", &b.step.classes, 2, 1'000'000, "step, memory: classes");
  o.Integer("batch", &b.step.batch, 1, 65536, "step, kernels, memory: images");
  o.Integer("threads", &b.step.threads, 1, 1024, "step, kernels, memory: compute threads");
  o.Integer("megabytes", &b.kernels.megabytes, 0, 1'000'000,
            "kernels: logits beyond the caches; 0: eight times the last-level cache");
  o.Flag("checkpointing", &b.step.memory.checkpointing,
         "step, memory: blocks keep their input alone and run again in the backward");
  o.Choice("autocast", &b.step.memory.autocast, {"off", "bf16"},
           "step, memory: products and attention in bfloat16");
  config::DefineComputeOptions(o, b.step.compute);
  config::DefineModelOptions(o, b.step.model);
}

std::vector<std::string> Listed(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

absl::StatusOr<std::string> MeasureTelemetry(BenchOptions& b) {
  b.telemetry.rounds = b.step.rounds;
  return study::RunTelemetryBench(b.telemetry);
}

absl::StatusOr<std::string> MeasureStorage(BenchOptions& b) {
  b.storage.output = b.telemetry.output;
  b.storage.data_folder = b.telemetry.data_folder;
  b.storage.nproc = b.telemetry.nproc;
  b.storage.steps = b.telemetry.steps;
  b.storage.forms.clear();
  for (const std::string& form : Listed(b.activations)) {
    SLUICE_RETURN_IF_ERROR(memory::ParseStorage(form).status());
    if (form != "fp32") b.storage.forms.push_back(form);
  }
  return study::RunStorageBench(b.storage);
}

absl::StatusOr<std::string> MeasureKernels(BenchOptions& b) {
  b.kernels.batch = b.step.batch;
  b.kernels.threads = b.step.threads;
  b.kernels.rounds = b.step.rounds;
  return train::RunKernelBench(b.kernels);
}

// The modes that were named, or `by_default`; each must be among `known`.
absl::Status TakeModes(BenchOptions& b, const std::string& by_default,
                       const std::vector<std::string>& known) {
  b.step.modes = Listed(b.modes.empty() ? by_default : b.modes);
  for (const std::string& mode : b.step.modes) {
    if (std::find(known.begin(), known.end(), mode) != known.end()) continue;
    return BadValue("modes", mode, "of " + absl::StrJoin(known, ", "));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MeasureStep(BenchOptions& b) {
  SLUICE_RETURN_IF_ERROR(TakeModes(b, "compact,selective", {"mask", "selective", "compact"}));
  return train::RunStepBench(b.step);
}

absl::StatusOr<std::string> MeasureMemory(BenchOptions& b) {
  SLUICE_RETURN_IF_ERROR(TakeModes(b, "dense,compact", gate::ModeNames()));
  b.step.activations = Listed(b.activations);
  return train::RunMemoryBench(b.step);
}

absl::StatusOr<std::string> Measure(BenchOptions& b) {
  using Measurement = absl::StatusOr<std::string> (*)(BenchOptions&);
  static const auto* const measurements = new std::map<std::string, Measurement>{
      {"step", MeasureStep},       {"kernels", MeasureKernels},     {"memory", MeasureMemory},
      {"storage", MeasureStorage}, {"telemetry", MeasureTelemetry},
  };
  absl::StatusOr<std::string> figures;
  SLUICE_RETURN_IF_ERROR(dist::Guard("bench", [&] { figures = measurements->at(b.what)(b); }));
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

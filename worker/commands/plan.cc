#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/config/train_config.h"
#include "worker/gate/bytes.h"
#include "worker/train/bench_variants.h"

namespace sluice::commands {
namespace {

struct PlanOptions {
  config::ModelConfig model;
  config::MemoryConfig memory;
  std::string mode = "compact";
  std::vector<double> rates = {0.25};
  std::vector<int64_t> layers = {1};
  int64_t batch = 64;
  int64_t nproc = 1;
  int64_t classes = 1000;
  std::string json;
};

void Define(OptionSet& o, PlanOptions& p) {
  o.Integer("batch", &p.batch, 1, 1'000'000, "Images per step over all ranks");
  o.Integer("nproc", &p.nproc, 1, 1'000'000, "Ranks that share them");
  o.Choice("mode", &p.mode, {"dense", "selective", "compact"}, "What a closed token costs");
  o.Numbers("rate", &p.rates, 0.001, 1, "Activation rates, a row for each");
  o.Integers("layers", &p.layers, 1, 127, "Blocks after which a gate stands");
  o.Integer("classes", &p.classes, 2, 1'000'000, "Classes");
  o.Text("json", &p.json, "Where the figures go; - is standard output");
  config::DefineModelOptions(o, p.model);
  config::DefineMemoryOptions(o, p.memory);
}

nlohmann::json ToJson(const gate::StepBytes& bytes, double rate) {
  return {{"rate", rate},
          {"parameter_bytes", bytes.parameters},
          {"gradient_bytes", bytes.gradients},
          {"optimizer_bytes", bytes.optimizer},
          {"activation_bytes", bytes.activations},
          {"recomputed_bytes", bytes.recomputed},
          {"total_bytes", bytes.total()}};
}

void PrintRow(const gate::StepBytes& bytes, double rate) {
  const auto mb = [](int64_t value) { return 1e-6 * static_cast<double>(value); };
  std::cout << absl::StrFormat("%5.2f %12.1f %12.1f %12.1f %12.1f %12.1f %12.1f\n", rate,
                               mb(bytes.parameters), mb(bytes.gradients), mb(bytes.optimizer),
                               mb(bytes.activations), mb(bytes.recomputed), mb(bytes.total()));
}

absl::StatusOr<nlohmann::json> MakePlan(const PlanOptions& p) {
  SLUICE_ASSIGN_OR_RETURN(const model::VitConfig vit, config::ResolveModel(p.model, p.classes));
  SLUICE_RETURN_IF_ERROR(config::ValidateMemoryConfig(p.memory, p.mode));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<train::BenchVariant> variants,
                          train::MakeBenchVariants({p.mode}, p.rates, p.layers, "random", vit));
  const int64_t images = (p.batch + p.nproc - 1) / p.nproc;
  std::cout << absl::StrFormat(
                   "%s, %d pixels, %d parameters; %d images on a rank, mode %s, activations in %s; "
                   "MB (10^6 bytes) on each rank\n",
                   vit.name, vit.image_size, gate::ParameterCount(vit), images, p.mode,
                   p.memory.activations)
            << absl::StrFormat("%5s %12s %12s %12s %12s %12s %12s\n", "rate", "parameters",
                               "gradients", "optimizer", "activations", "recomputed", "total");
  nlohmann::json rows = nlohmann::json::array();
  for (const train::BenchVariant& variant : variants) {
    const gate::StepBytes bytes = gate::CountBytes(vit, train::ShapeOf(variant, vit, images),
                                                   config::ResolveMemory(p.memory));
    PrintRow(bytes, variant.rate);
    rows.push_back(ToJson(bytes, variant.rate));
  }
  return nlohmann::json{{"model", vit.name}, {"mode", p.mode}, {"images", images}, {"rows", rows}};
}

}  // namespace

absl::Status Plan(const std::vector<std::string>& arguments) {
  PlanOptions plan;
  OptionSet options("sluice-worker plan",
                    "Bytes that each rank holds between the forward and the backward of a training "
                    "step, counted from the shapes");
  Define(options, plan);
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  StartLog("plan", "warn");
  SLUICE_ASSIGN_OR_RETURN(const nlohmann::json figures, MakePlan(plan));
  if (plan.json == "-") std::cout << figures.dump(2) << std::endl;
  return plan.json.empty() || plan.json == "-" ? absl::OkStatus()
                                               : WriteFileAtomically(plan.json, figures.dump(2));
}

}  // namespace sluice::commands

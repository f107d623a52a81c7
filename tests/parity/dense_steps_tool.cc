// Dense training steps on command: each line of standard input runs one and prints its seconds.
// dense_step.py sets them beside timm's.

#include <ATen/Parallel.h>

#include <iostream>
#include <string>
#include <vector>

#include "common/options.h"
#include "common/status.h"
#include "tests/parity/tool_main.h"
#include "worker/config/train_config.h"
#include "worker/memory/heap.h"
#include "worker/train/bench_variants.h"
#include "worker/train/clock.h"
#include "worker/train/optimizer.h"
#include "worker/train/setup.h"

namespace sluice::train {
namespace {

struct ToolOptions {
  config::ModelConfig model;
  int64_t batch = 64;
  int64_t classes = 10;
  int64_t threads = 2;
  std::string autocast = "off";
};

absl::Status Run(const ToolOptions& options) {
  at::set_num_threads(static_cast<int>(options.threads));
  SLUICE_ASSIGN_OR_RETURN(const model::VitConfig vit,
                          config::ResolveModel(options.model, options.classes));
  GateSettings settings;
  settings.gates = {{1, {}}};
  GatedModel model(vit, settings, 0.0, /*seed=*/1, torch::kCPU);
  memory::Settings memory;
  memory.autocast = options.autocast == "bf16";
  model.SetMemory(memory);
  const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(model);
  const ModelBatch batch = MadeUpBatch(vit, options.batch);
  StepScales scales;
  scales.lr = 1e-4;
  scales.image_scale = 1.0 / static_cast<double>(options.batch);
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = Clock::now();
    optimizer->ClearGradients();
    model.TrainForward(batch, [](const GateDecision&) {}).loss.backward();
    optimizer->Step(scales);
    std::cout << SecondsSince(start) << std::endl;
  }
  return absl::OkStatus();
}

int Main(const std::vector<std::string>& arguments) {
  ToolOptions t;
  OptionSet o("sluice_dense_steps", "A dense training step for each line of standard input.");
  config::DefineModelOptions(o, t.model);
  o.Integer("batch", &t.batch, 1, 65536, "Images");
  o.Integer("classes", &t.classes, 2, 1'000'000, "Classes");
  o.Integer("threads", &t.threads, 1, 1024, "Compute threads");
  o.Choice("autocast", &t.autocast, {"off", "bf16"}, "Products and attention in bfloat16");
  return RunTool("sluice_dense_steps", o, arguments, [&] { return Run(t); });
}

}  // namespace
}  // namespace sluice::train

int main(int argc, char** argv) {
  sluice::memory::KeepFreedMemory();
  return sluice::train::Main(std::vector<std::string>(argv + 1, argv + argc));
}

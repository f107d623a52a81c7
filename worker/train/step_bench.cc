#include "worker/train/step_bench.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "common/median.h"
#include "common/status.h"
#include "worker/gate/flops.h"
#include "worker/memory/memory_meter.h"
#include "worker/train/bench_variants.h"
#include "worker/train/clock.h"
#include "worker/train/gated_model.h"
#include "worker/train/optimizer.h"
#include "worker/train/setup.h"

namespace sluice::train {
namespace {

constexpr int kWarmUpSteps = 2;
constexpr uint64_t kBenchSeed = 1;

struct Measured {
  double seconds = 0.0;
  double decision_seconds = 0.0;
};

class StepBench {
 public:
  StepBench(const StepBenchConfig& config, BenchPlan plan)
      : config_(config), vit_(std::move(plan.vit)), variants_(std::move(plan.variants)) {
    dense_.settings.gates = {{config.layers.front(), {}}};
    dense_.mode = "dense";
    model_ =
        std::make_unique<GatedModel>(vit_, variants_[0].settings, 0.0, kBenchSeed, torch::kCPU);
    model_->SetMemory(config::ResolveMemory(config.memory));
    optimizer_ = MakeOptimizer(*model_);
    batch_ = MadeUpBatch(vit_, config.batch);
  }

  std::string Run() {
    for (int i = 0; i < kWarmUpSteps; ++i) Step(dense_);
    nlohmann::json rows = nlohmann::json::array();
    for (const BenchVariant& variant : variants_) rows.push_back(MeasureOne(variant));
    return nlohmann::json{{"rows", rows}}.dump(2);
  }

 private:
  nlohmann::json MeasureOne(const BenchVariant& variant) {
    std::vector<double> seconds, ratios, decisions;
    for (int i = 0; i < kWarmUpSteps; ++i) Step(variant);
    double before = Step(dense_).seconds;
    for (int64_t round = 0; round < config_.rounds; ++round) {
      const Measured gated = Step(variant);
      const double after = Step(dense_).seconds;
      seconds.push_back(gated.seconds);
      ratios.push_back(gated.seconds / (0.5 * (before + after)));
      decisions.push_back(gated.decision_seconds / gated.seconds);
      before = after;
    }
    return Row(variant, Median(seconds), Median(ratios), Median(decisions));
  }

  Measured Step(const BenchVariant& variant, memory::MemoryMeter* meter = nullptr,
                int64_t* saved = nullptr) {
    const auto start = Clock::now();
    model_->settings() = variant.settings;
    ++batch_.key.step;
    Measured measured;
    int64_t images_open = 1;
    optimizer_->ClearGradients();
    {
      TrainPass pass = model_->TrainForward(batch_, [&](const GateDecision& decision) {
        images_open = std::max<int64_t>(decision.images_open, 1);
        measured.decision_seconds = 1e-6 * static_cast<double>(decision.micros);
      });
      if (meter != nullptr) *saved = meter->held();
      pass.loss.backward();
    }
    const double scale = 1.0 / static_cast<double>(images_open);
    optimizer_->ImageGradientNorm(scale);
    StepScales scales;
    scales.lr = 1e-4;
    scales.image_scale = scale;
    optimizer_->Step(scales);
    measured.seconds = SecondsSince(start);
    return measured;
  }

  double Flops(const BenchVariant& variant) const {
    return gate::StepFlops(vit_, ShapeOf(variant, vit_, config_.batch));
  }

  nlohmann::json Row(const BenchVariant& variant, double seconds, double ratio, double decision) {
    int64_t peak = 0, saved = 0;
    {
      memory::MemoryMeter meter;
      Step(variant, &meter, &saved);
      peak = meter.peak();
    }
    const double ideal = Flops(variant) / Flops(dense_);
    std::cout << absl::StrFormat(
                     "%-9s r %.2f: step %.1f ms, %.3f of dense, arithmetic %.3f (%.2f times), "
                     "peak %.0f MB, saved %.0f MB, decision %.2f %%",
                     variant.mode, variant.rate, 1e3 * seconds, ratio, ideal, ratio / ideal,
                     1e-6 * static_cast<double>(peak), 1e-6 * static_cast<double>(saved),
                     100.0 * decision)
              << std::endl;
    return {{"mode", variant.mode},      {"rate", variant.rate},     {"model", vit_.name},
            {"batch", config_.batch},    {"step_ms", 1e3 * seconds}, {"ratio_to_dense", ratio},
            {"ideal_ratio", ideal},      {"peak_bytes", peak},       {"saved_bytes", saved},
            {"decision_share", decision}};
  }

  StepBenchConfig config_;
  model::VitConfig vit_;
  std::vector<BenchVariant> variants_;
  BenchVariant dense_;
  std::unique_ptr<GatedModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  ModelBatch batch_;
};

}  // namespace

absl::StatusOr<BenchPlan> ResolveBench(const StepBenchConfig& config) {
  BenchPlan plan;
  SLUICE_ASSIGN_OR_RETURN(plan.vit, config::ResolveModel(config.model, config.classes));
  SLUICE_ASSIGN_OR_RETURN(plan.variants, MakeBenchVariants(config.modes, config.rates,
                                                           config.layers, config.scorer, plan.vit));
  if (plan.variants.empty())
    return absl::InvalidArgumentError("modes and rates must name one at least");
  for (const BenchVariant& variant : plan.variants)
    SLUICE_RETURN_IF_ERROR(config::ValidateMemoryConfig(config.memory, variant.mode));
  SLUICE_RETURN_IF_ERROR(config::ValidateComputeConfig(config.compute));
  at::set_num_threads(static_cast<int>(config.threads));
  model::SetGemm(config::ResolveGemm(config.compute));
  return plan;
}

absl::StatusOr<std::string> RunStepBench(const StepBenchConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(BenchPlan plan, ResolveBench(config));
  return StepBench(config, std::move(plan)).Run();
}

}  // namespace sluice::train

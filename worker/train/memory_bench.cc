#include "worker/train/memory_bench.h"

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "common/status.h"
#include "worker/gate/bytes.h"
#include "worker/memory/memory_meter.h"
#include "worker/train/gated_model.h"
#include "worker/train/optimizer.h"
#include "worker/train/setup.h"

namespace sluice::train {
namespace {

constexpr uint64_t kModelSeed = 1;

double ToMegabytes(int64_t bytes) { return 1e-6 * static_cast<double>(bytes); }

// All gradients one after another, float64.
torch::Tensor FlatGradient(const GatedModel& model) {
  std::vector<torch::Tensor> parts;
  for (const auto& [name, parameter] : model.Parameters()) {
    if (parameter.grad().defined()) parts.push_back(parameter.grad().flatten());
  }
  return at::cat(parts);
}

double Cosine(const torch::Tensor& a, const torch::Tensor& b) {
  const auto dot = [](const torch::Tensor& x, const torch::Tensor& y) {
    return (x * y).sum(torch::kDouble).item<double>();
  };
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

struct Bytes {
  gate::StepBytes held;
  int64_t peak = 0;
};

class MemoryBench {
 public:
  MemoryBench(const MemoryBenchConfig& config, BenchPlan plan)
      : config_(config), vit_(std::move(plan.vit)), variants_(std::move(plan.variants)) {}

  std::string Run() {
    batch_ = MadeUpBatch(vit_, config_.batch);
    MakeModel();
    nlohmann::json rows = nlohmann::json::array();
    for (const BenchVariant& variant : variants_) {
      torch::Tensor exact;
      for (const std::string& form : config_.activations) rows.push_back(Row(variant, form, exact));
    }
    return nlohmann::json{{"rows", rows}}.dump(2);
  }

 private:
  void MakeModel() {
    memory::MemoryMeter meter;
    model_ =
        std::make_unique<GatedModel>(vit_, variants_[0].settings, 0.0, kModelSeed, torch::kCPU);
    parameters_ = meter.held();
    optimizer_ = MakeOptimizer(*model_);
    optimizer_bytes_ = meter.held() - parameters_;
  }

  Bytes Step(const BenchVariant& variant, const memory::Settings& settings) {
    model_->settings() = variant.settings;
    model_->SetMemory(settings);
    for (const auto& [name, parameter] : model_->Parameters()) {
      torch::Tensor(parameter).mutable_grad() = torch::Tensor();
    }
    Bytes bytes;
    bytes.held.parameters = parameters_;
    bytes.held.optimizer = optimizer_bytes_;
    memory::MemoryMeter meter;
    {
      TrainPass pass = model_->TrainForward(batch_, [](const GateDecision&) {});
      bytes.held.activations = meter.held();
      pass.loss.backward();
    }
    bytes.held.gradients = meter.held();
    bytes.peak = meter.peak();
    return bytes;
  }

  // `exact`: the gradient with float32 activations, made when it is first needed.
  nlohmann::json Row(const BenchVariant& variant, const std::string& form, torch::Tensor& exact) {
    config::MemoryConfig memory = config_.memory;
    memory.activations = "fp32";
    if (!exact.defined()) {
      Step(variant, config::ResolveMemory(memory));
      exact = FlatGradient(*model_);
    }
    memory.activations = form;
    const memory::Settings settings = config::ResolveMemory(memory);
    const Bytes measured = Step(variant, settings);
    gate::StepBytes planned =
        gate::CountBytes(vit_, ShapeOf(variant, vit_, config_.batch), settings);
    planned.recomputed = 0;  // Of the backward, which is in the peak.
    return Report(variant, form, measured, planned, Cosine(FlatGradient(*model_), exact));
  }

  nlohmann::json Report(const BenchVariant& variant, const std::string& form, const Bytes& measured,
                        const gate::StepBytes& planned, double cosine) const {
    const double ratio =
        static_cast<double>(planned.total()) / static_cast<double>(measured.held.total());
    std::cout << absl::StrFormat(
                     "%-9s r %.2f %s: saved %.1f MB (planned %.1f), all %.1f MB (planned %.1f, "
                     "%.3f times), peak of the step %.1f MB, gradient's cosine %.6f",
                     variant.mode, variant.rate, form, ToMegabytes(measured.held.activations),
                     ToMegabytes(planned.activations), ToMegabytes(measured.held.total()),
                     ToMegabytes(planned.total()), ratio, ToMegabytes(measured.peak), cosine)
              << std::endl;
    return {{"mode", variant.mode},
            {"rate", variant.rate},
            {"model", vit_.name},
            {"batch", config_.batch},
            {"activations", form},
            {"parameter_bytes", measured.held.parameters},
            {"gradient_bytes", measured.held.gradients},
            {"optimizer_bytes", measured.held.optimizer},
            {"saved_bytes", measured.held.activations},
            {"planned_saved_bytes", planned.activations},
            {"total_bytes", measured.held.total()},
            {"planned_bytes", planned.total()},
            {"planned_over_measured", ratio},
            {"peak_bytes", measured.peak},
            {"gradient_cosine", cosine}};
  }

  MemoryBenchConfig config_;
  model::VitConfig vit_;
  std::vector<BenchVariant> variants_;
  ModelBatch batch_;
  std::unique_ptr<GatedModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  int64_t parameters_ = 0;
  int64_t optimizer_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::string> RunMemoryBench(const MemoryBenchConfig& config) {
  if (config.activations.empty())
    return absl::InvalidArgumentError("activations must name one at least");
  SLUICE_ASSIGN_OR_RETURN(BenchPlan plan, ResolveBench(config));
  for (const std::string& form : config.activations) {
    SLUICE_RETURN_IF_ERROR(memory::ParseStorage(form).status());
    config::MemoryConfig memory = config.memory;
    memory.activations = form;
    for (const BenchVariant& variant : plan.variants)
      SLUICE_RETURN_IF_ERROR(config::ValidateMemoryConfig(memory, variant.mode));
  }
  return MemoryBench(config, std::move(plan)).Run();
}

}  // namespace sluice::train

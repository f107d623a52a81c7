#include "worker/train/calibrate.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "common/status.h"
#include "worker/data/loader.h"
#include "worker/data/sampler.h"
#include "worker/gate/score.h"
#include "worker/train/evaluate.h"

namespace sluice::train {

torch::Tensor ReliabilitySums(const torch::Tensor& logits, const torch::Tensor& labels) {
  const torch::NoGradGuard no_graph;
  const torch::Tensor right = (logits.argmax(1) == labels).to(torch::kDouble);
  const torch::Tensor wide = logits.to(torch::kDouble), target = labels.unsqueeze(1);
  std::vector<torch::Tensor> rows;
  for (const double temperature : gate::TemperatureGrid()) {
    const torch::Tensor log_p = at::log_softmax(wide / temperature, 1);
    const torch::Tensor loss = log_p.gather(1, target).sum().neg();
    const torch::Tensor confidence = log_p.amax(1).exp();
    const torch::Tensor bin =
        (confidence * gate::kReliabilityBins).to(torch::kLong).clamp(0, gate::kReliabilityBins - 1);
    const torch::Tensor values = at::stack({torch::ones_like(confidence), confidence, right}, 1);
    const torch::Tensor bins =
        torch::zeros({gate::kReliabilityBins, 3}, values.options()).index_add(0, bin, values);
    const torch::Tensor tokens =
        torch::full({1}, static_cast<double>(labels.size(0)), values.options());
    rows.push_back(at::cat({tokens, loss.reshape({1}), bins.flatten()}));
  }
  return at::stack(rows);
}

namespace {

using Take = std::function<void(const ModelBatch&)>;

// Gives this rank's share of the first `images` to `take`, in batches.
absl::Status ForEachBatch(const GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
                          const data::PipelineConfig& pipeline, const dist::Group& group,
                          int64_t images, int64_t batch, const Take& take) {
  const data::IndexRange shard =
      data::RankShare(std::min(images, dataset->size()), group.rank(), group.size());
  const int64_t steps = data::EvaluationSteps(shard, batch);
  const std::unique_ptr<data::Loader> loader =
      MakeEvaluationLoader(std::move(dataset), pipeline, shard, batch);
  for (int64_t step = 0; step < steps; ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader->Next());
    SLUICE_RETURN_IF_ERROR(dist::Guard(
        "calibration", [&] { take(ToModelBatch(loaded, {}, model.vit()->pos_embed.options())); }));
  }
  return absl::OkStatus();
}

}  // namespace

torch::Tensor ImageUncertainty(GatedModel& model, const torch::Tensor& images) {
  const torch::NoGradGuard no_graph;
  std::vector<torch::Tensor> rows;
  const std::vector<torch::Tensor> logits = model.HeadLogits(images);
  for (size_t k = 0; k < logits.size(); ++k) {
    rows.push_back(
        gate::ImageEntropies(logits[k] / model.settings().gates[k].temperature).to(torch::kDouble));
  }
  return at::stack(rows);
}

absl::StatusOr<std::vector<gate::Calibration>> CalibrateHeads(
    GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
    const data::PipelineConfig& pipeline, dist::Group& group, int64_t images, int64_t batch) {
  const auto gates = static_cast<int64_t>(model.settings().gates.size());
  const auto grid = static_cast<int64_t>(gate::TemperatureGrid().size());
  torch::Tensor sums = torch::zeros({gates, grid, gate::kReliabilityNumbers}, torch::kDouble);
  SLUICE_RETURN_IF_ERROR(ForEachBatch(
      model, std::move(dataset), pipeline, group, images, batch, [&](const ModelBatch& one) {
        const std::vector<torch::Tensor> logits = model.HeadLogits(one.images);
        for (int64_t k = 0; k < gates; ++k) {
          const torch::Tensor labels = one.labels.repeat_interleave(logits[k].size(1));
          sums[k] += ReliabilitySums(logits[k].flatten(0, 1), labels).cpu();
        }
      }));
  SLUICE_RETURN_IF_ERROR(group.Sum(sums));
  std::vector<gate::Calibration> result;
  for (int64_t k = 0; k < gates; ++k) {
    std::vector<gate::Reliability> rows;
    for (int64_t t = 0; t < grid; ++t) {
      const torch::Tensor row = sums[k][t].contiguous();
      rows.push_back(gate::ReliabilityFrom({row.data_ptr<double>(), gate::kReliabilityNumbers}));
    }
    result.push_back(gate::Calibrate(model.settings().gates[k].layer, rows));
  }
  return result;
}

absl::StatusOr<std::vector<gate::UncertaintyMoments>> MeasureUncertainty(
    GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
    const data::PipelineConfig& pipeline, dist::Group& group, int64_t images, int64_t batch) {
  const auto gates = static_cast<int64_t>(model.settings().gates.size());
  // Per gate: images, sum and sum of squares.
  torch::Tensor sums = torch::zeros({gates, 3}, torch::kDouble);
  SLUICE_RETURN_IF_ERROR(ForEachBatch(
      model, std::move(dataset), pipeline, group, images, batch, [&](const ModelBatch& one) {
        const torch::Tensor u = ImageUncertainty(model, one.images).cpu();
        sums += at::stack({torch::ones_like(u).sum(1), u.sum(1), u.square().sum(1)}, 1);
      }));
  SLUICE_RETURN_IF_ERROR(group.Sum(sums));
  std::vector<gate::UncertaintyMoments> result;
  for (int64_t k = 0; k < gates; ++k) {
    const torch::Tensor row = sums[k].contiguous();
    const double* s = row.data_ptr<double>();
    const double count = std::max(s[0], 1.0), mean = s[1] / count;
    result.push_back({mean, std::sqrt(std::max(s[2] / count - mean * mean, 0.0))});
  }
  return result;
}

}  // namespace sluice::train

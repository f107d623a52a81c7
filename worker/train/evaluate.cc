#include "worker/train/evaluate.h"

#include <cstring>

#include "absl/strings/str_format.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/data/loader.h"
#include "worker/data/sampler.h"
#include "worker/train/clock.h"

namespace sluice::train {
ModelBatch ToModelBatch(const data::Batch& batch, const gate::DrawKey& key,
                        const torch::TensorOptions& like) {
  ModelBatch result;
  result.images =
      torch::empty({batch.count, batch.shape.channels, batch.shape.height, batch.shape.width});
  std::memcpy(result.images.data_ptr(), batch.images.data(), batch.images.size() * sizeof(float));
  result.images = result.images.to(like.device(), like.dtype().toScalarType());
  result.labels = torch::tensor(batch.labels, torch::kLong).to(like.device());
  result.ids = batch.ids;
  result.key = key;
  result.epoch = batch.epoch;
  return result;
}

std::unique_ptr<data::Loader> MakeEvaluationLoader(std::shared_ptr<const data::Dataset> dataset,
                                                   const data::PipelineConfig& pipeline,
                                                   const data::IndexRange& shard, int64_t batch) {
  data::LoaderOptions options;
  options.threads = 1;
  options.prefetch = 2;
  options.end_step = data::EvaluationSteps(shard, batch);
  const auto plan = [shard, batch](int64_t step) {
    return data::BatchPlan{0, data::EvaluationIndices(shard, batch, step)};
  };
  return std::make_unique<data::Loader>(std::move(dataset), pipeline, plan, options);
}

absl::StatusOr<Evaluation> Evaluate(GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
                                    const data::PipelineConfig& pipeline, dist::Group& group,
                                    int64_t batch, bool gated, uint64_t seed,
                                    LatencyHistogram* inference) {
  const data::IndexRange shard = data::RankShare(dataset->size(), group.rank(), group.size());
  const int64_t steps = data::EvaluationSteps(shard, batch);
  const std::unique_ptr<data::Loader> loader =
      MakeEvaluationLoader(std::move(dataset), pipeline, shard, batch);
  double correct = 0, loss = 0, open = 0, tokens = 0;
  for (int64_t step = 0; step < steps; ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader->Next());
    const ModelBatch images = ToModelBatch(loaded, {seed, 0}, model.vit()->pos_embed.options());
    GateDecision decision;
    const auto start = Clock::now();
    const torch::Tensor logits =
        gated ? model.EvalGated(images, &decision) : model.EvalDense(images);
    // A GPU has answered once the number of correct answers is here.
    correct += (logits.argmax(1) == images.labels).sum().item<double>();
    if (inference != nullptr) inference->Add(MicrosSince(start));
    loss += at::cross_entropy_loss(logits, images.labels, {}, at::Reduction::Sum).item<double>();
    const auto all = static_cast<double>(loaded.count * model.vit()->config().patches());
    tokens += all;
    open += gated ? static_cast<double>(decision.tokens_open) : all;
  }
  torch::Tensor sums = torch::tensor(
      {correct, loss, open, tokens, static_cast<double>(shard.size())}, torch::kDouble);
  if (group.size() > 1) SLUICE_RETURN_IF_ERROR(group.Sum(sums));
  const double* s = sums.data_ptr<double>();
  return Evaluation{static_cast<int64_t>(s[4]), s[0] / s[4], s[1] / s[4], s[2] / s[3]};
}

absl::StatusOr<Evaluations> EvaluateModes(GatedModel& model,
                                          std::shared_ptr<const data::Dataset> dataset,
                                          const data::PipelineConfig& pipeline, dist::Group& group,
                                          int64_t batch, const std::string& mode, uint64_t seed,
                                          const std::string& label, LatencyHistogram* inference) {
  Evaluations result;
  for (const bool gated : {false, true}) {
    if (mode != "both" && gated != (mode == "gated")) continue;
    SLUICE_ASSIGN_OR_RETURN(const Evaluation e, Evaluate(model, dataset, pipeline, group, batch,
                                                         gated, seed, inference));
    (gated ? result.gated : result.dense) = e;
    LogInfo(absl::StrFormat("%saccuracy %.2f %% (%s evaluation, %d images, loss %.4f, r %.3f)",
                            label, 100 * e.accuracy, gated ? "gated" : "dense", e.images, e.loss,
                            e.activation_rate));
  }
  return result;
}

}  // namespace sluice::train

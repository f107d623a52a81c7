#include "worker/train/predict.h"

#include "common/status.h"
#include "worker/data/loader.h"
#include "worker/data/sampler.h"
#include "worker/train/evaluate.h"

namespace sluice::train {

absl::Status Predict(GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
                     const data::PipelineConfig& pipeline, int64_t batch, bool gated, uint64_t seed,
                     const std::function<absl::Status(int64_t index, const Answer&)>& give) {
  const data::IndexRange all{0, dataset->size()};
  data::LoaderOptions options;
  options.threads = 1;
  options.prefetch = 2;
  options.end_step = data::EvaluationSteps(all, batch);
  const auto plan = [all, batch](int64_t step) {
    return data::BatchPlan{0, data::EvaluationIndices(all, batch, step)};
  };
  data::Loader loader(dataset, pipeline, plan, options);
  const int64_t patches = model.vit()->config().patches();
  int64_t index = 0;
  for (int64_t step = 0; step < options.end_step; ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader.Next());
    const ModelBatch images = ToModelBatch(loaded, {seed, 0}, model.vit()->pos_embed.options());
    GateDecision decision;
    const torch::Tensor logits =
        gated ? model.EvalGated(images, &decision) : model.EvalDense(images);
    const torch::Tensor shares = at::softmax(logits.to(torch::kDouble), 1).cpu().contiguous();
    for (int64_t i = 0; i < loaded.count; ++i, ++index) {
      const double* row = shares.data_ptr<double>() + i * shares.size(1);
      Answer answer{{row, row + shares.size(1)}, {}};
      if (gated) {
        const auto begin = decision.layers.back().open.begin() + i * patches;
        answer.open.assign(begin, begin + patches);
      }
      SLUICE_RETURN_IF_ERROR(give(index, answer));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::train

#include "worker/train/router.h"

#include "common/status.h"
#include "worker/data/sampler.h"
#include "worker/train/calibrate.h"
#include "worker/train/evaluate.h"

namespace sluice::train {
namespace {

// Below this a head says the same of all images, and a distance in deviations means nothing.
constexpr double kLeastDeviation = 1e-6;

}  // namespace

Router::Router(std::vector<Expert> experts) : experts_(std::move(experts)) {
  SLUICE_CHECK(!experts_.empty());
  for (const Expert& expert : experts_)
    SLUICE_CHECK(expert.usual.size() == expert.model->settings().gates.size());
}

torch::Tensor Router::Choose(const torch::Tensor& images) {
  std::vector<torch::Tensor> distances;
  for (Expert& expert : experts_) {
    torch::Tensor u = ImageUncertainty(*expert.model, images);
    for (size_t k = 0; k < expert.usual.size(); ++k) {
      const gate::UncertaintyMoments& usual = expert.usual[k];
      u[static_cast<int64_t>(k)].sub_(usual.mean).div_(std::max(usual.stddev, kLeastDeviation));
    }
    distances.push_back(u.square().mean(0));
  }
  return at::stack(distances).argmin(0);
}

torch::Tensor Router::Answer(const ModelBatch& batch, const torch::Tensor& chosen) {
  torch::Tensor result;
  for (size_t e = 0; e < experts_.size(); ++e) {
    const torch::Tensor at = (chosen == static_cast<int64_t>(e)).nonzero().flatten();
    if (at.numel() == 0) continue;
    ModelBatch part;
    part.images = batch.images.index_select(0, at);
    const torch::Tensor logits = experts_[e].model->EvalDense(part);
    if (!result.defined())
      result = torch::empty({batch.images.size(0), logits.size(1)}, logits.options());
    result.index_copy_(0, at, logits);
  }
  return result;
}

absl::StatusOr<RoutedEvaluation> EvaluateRouted(Router& router,
                                                std::shared_ptr<const data::Dataset> dataset,
                                                const data::PipelineConfig& pipeline,
                                                int64_t batch) {
  const data::IndexRange all{0, dataset->size()};
  const std::unique_ptr<data::Loader> loader =
      MakeEvaluationLoader(std::move(dataset), pipeline, all, batch);
  const GatedModel& any = *router.experts().front().model;
  RoutedEvaluation result;
  result.answered.assign(router.experts().size(), 0);
  int64_t correct = 0;
  for (int64_t step = 0; step < data::EvaluationSteps(all, batch); ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader->Next());
    SLUICE_RETURN_IF_ERROR(dist::Guard("routed evaluation", [&] {
      const ModelBatch one = ToModelBatch(loaded, {}, any.vit()->pos_embed.options());
      const torch::Tensor chosen = router.Choose(one.images);
      correct += (router.Answer(one, chosen).argmax(1) == one.labels).sum().item<int64_t>();
      for (size_t e = 0; e < result.answered.size(); ++e)
        result.answered[e] += (chosen == static_cast<int64_t>(e)).sum().item<int64_t>();
    }));
    result.images += loaded.count;
  }
  if (result.images > 0)
    result.accuracy = static_cast<double>(correct) / static_cast<double>(result.images);
  return result;
}

}  // namespace sluice::train

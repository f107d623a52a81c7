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

torch::Tensor Router::Choose(const torch::Tensor& images, int64_t together) {
  // Which group each image belongs to, and how many images a group has.
  const torch::Tensor group = at::arange(images.size(0)).div(together, "floor");
  const int64_t groups = (images.size(0) + together - 1) / together;
  const torch::Tensor sizes = group.bincount({}, groups).to(torch::kDouble);
  std::vector<torch::Tensor> distances;
  for (Expert& expert : experts_) {
    torch::Tensor z = ImageUncertainty(*expert.model, images).cpu();
    for (size_t k = 0; k < expert.usual.size(); ++k) {
      const gate::UncertaintyMoments& usual = expert.usual[k];
      z[static_cast<int64_t>(k)].sub_(usual.mean).div_(std::max(usual.stddev, kLeastDeviation));
    }
    const torch::Tensor mean =
        torch::zeros({z.size(0), groups}, torch::kDouble).index_add(1, group, z) / sizes;
    distances.push_back(mean.square().mean(0));
  }
  return at::stack(distances).argmin(0).index_select(0, group).to(images.device());
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
                                                const data::PipelineConfig& pipeline, int64_t batch,
                                                int64_t together) {
  const data::IndexRange all{0, dataset->size()};
  const std::unique_ptr<data::Loader> loader =
      MakeEvaluationLoader(std::move(dataset), pipeline, all, batch);
  SLUICE_CHECK(batch % together == 0);
  const GatedModel& any = *router.experts().front().model;
  RoutedEvaluation result;
  result.answered.assign(router.experts().size(), 0);
  int64_t correct = 0;
  for (int64_t step = 0; step < data::EvaluationSteps(all, batch); ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader->Next());
    SLUICE_RETURN_IF_ERROR(dist::Guard("routed evaluation", [&] {
      const ModelBatch one = ToModelBatch(loaded, {}, any.vit()->pos_embed.options());
      const torch::Tensor chosen = router.Choose(one.images, together);
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

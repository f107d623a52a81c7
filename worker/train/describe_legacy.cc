#include "worker/train/describe_legacy.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/train/evaluate.h"

namespace sluice::train {
namespace {

void Append(const torch::Tensor& values, std::vector<float>& to) {
  const torch::Tensor flat = values.to(torch::kCPU, torch::kFloat).contiguous();
  to.insert(to.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
}

}  // namespace

absl::Status DescribeLegacy(GatedModel& model, const data::PipelineConfig& pipeline, int64_t batch,
                            legacy::LegacySet& set, std::vector<float>* features) {
  const torch::NoGradGuard no_graph;
  data::PipelineConfig plain = pipeline;
  plain.domain = data::Domain::kNone;
  plain.augment = {};
  const data::IndexRange all{0, set.size()};
  const std::unique_ptr<data::Loader> loader =
      MakeEvaluationLoader(std::make_shared<const legacy::LegacyImages>(set), plain, all, batch);
  set.logits.clear();
  set.losses.clear();
  model::Vit& vit = model.vit();
  for (int64_t step = 0; step < data::EvaluationSteps(all, batch); ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader->Next());
    const ModelBatch images = ToModelBatch(loaded, {}, vit->pos_embed.options());
    const torch::Tensor pooled = vit->PoolFrom(0, vit->Embed(images.images));
    const torch::Tensor logits = vit->Classify(pooled);
    Append(logits, set.logits);
    Append(at::cross_entropy_loss(logits, images.labels, {}, at::Reduction::None), set.losses);
    if (features != nullptr) Append(pooled, *features);
  }
  for (const float loss : set.losses) {
    if (!std::isfinite(loss)) {
      return absl::DataLossError(absl::StrCat("the model's loss on an image of '", set.name,
                                              "' is ", loss,
                                              ": its weights are not fit to be remembered"));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::train

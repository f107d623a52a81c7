#include "worker/train/replay_loss.h"

namespace sluice::train {

torch::Tensor ReplayLoss(const torch::Tensor& logits, const torch::Tensor& cross_entropy,
                         const torch::Tensor& replayed, const torch::Tensor& stored,
                         const ReplayWeights& weights) {
  const torch::Tensor own = replayed.logical_not().to(cross_entropy.scalar_type());
  torch::Tensor loss = (cross_entropy * (own + (1.0 - own) * weights.cross_entropy)).sum();
  if (weights.logits == 0.0) return loss;
  const torch::Tensor known = replayed.unsqueeze(1) & stored.isnan().logical_not();
  const torch::Tensor gap = at::where(known, logits - stored.nan_to_num(0.0), 0.0);
  const torch::Tensor classes = known.sum(1).clamp_min(1);
  return loss + weights.logits * (gap.square().sum(1) / classes).sum();
}

}  // namespace sluice::train

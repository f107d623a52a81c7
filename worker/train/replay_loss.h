// What rehearsed images add to a batch's loss.
#pragma once

#include "worker/torch.h"

namespace sluice::train {

// How rehearsed images enter the loss: by cross-entropy with their label, and by the mean over the
// classes of the squared difference to the stored logits (Buzzega et al., "Dark experience for
// general continual learning", NeurIPS 2020, DER++; with one draw for both terms).
struct ReplayWeights {
  double cross_entropy = 1.0;
  double logits = 0.0;
};

// Sum over images of the cross-entropy, and of what replay adds, a scalar. `logits` [B, K];
// `cross_entropy` [B], each image's own; `replayed` bool [B]; `stored` [B, K], NaN where a class
// has no stored logit: it is left out of the mean. Thread-safe.
torch::Tensor ReplayLoss(const torch::Tensor& logits, const torch::Tensor& cross_entropy,
                         const torch::Tensor& replayed, const torch::Tensor& stored,
                         const ReplayWeights& weights);

}  // namespace sluice::train

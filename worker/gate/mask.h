#pragma once

#include "worker/model/vit.h"
#include "worker/torch.h"

namespace sluice::gate {

// Mode `mask`: shapes stay [B, N + 1, D]. Closed tokens are zeroed, hidden as attention keys and
// zeroed again after each block, so that the logits equal those of `compact`. It saves nothing and
// serves where shapes must not change. Nothing here is thread-safe while parameters change.

// The gate with its straight-through gradient: x [B, T, D] times `open` [B, T] (0 or 1). Backward,
// with g the gradient of the result: x gets g * u, and the score u [B, T] gets the sum over
// channels of g * x. DESIGN section 3 has the derivation; the oracle is this formula.
torch::Tensor MaskRows(const torch::Tensor& x, const torch::Tensor& open, const torch::Tensor& u);

// The rest of a block behind a gate, from its `qkv` [B, T, 3D] on: [B, T, D] -> [B, T, D]; `open`
// [B, T] (0 or 1, no gradient).
torch::Tensor AfterMaskedQkv(model::Block& block, const torch::Tensor& x, const torch::Tensor& qkv,
                             const torch::Tensor& open);

// What the classifier sees of every image [B, D]: the class token, or the mean of open patches.
torch::Tensor PoolMasked(model::Vit& vit, const torch::Tensor& x, const torch::Tensor& open);

}  // namespace sluice::gate

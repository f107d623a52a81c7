#pragma once

#include "worker/torch.h"

namespace sluice::model {

// Position embeddings [1, 1 + n*n, D] for a grid of `grid` × `grid` patches: the class token's
// stays, the patches' are resampled bicubically with antialiasing, as timm does. The same grid
// gives the same tensor.
torch::Tensor ResamplePosition(const torch::Tensor& position, int64_t grid);

}  // namespace sluice::model

#pragma once

#include "worker/model/vit.h"
#include "worker/torch.h"

namespace sluice::gate {

// Entropy of every head's attention in a dense forward of `images` [B, C, H, W]: for each query row
// H(a) / log(keys), summed over rows and images, [depth * heads] in double. Divided by B * tokens
// it is the head's mean, in [0, 1]. Without a graph, `chunk` images at a time. Not thread-safe
// while parameters change.
torch::Tensor HeadEntropySums(model::Vit& vit, const torch::Tensor& images, int64_t chunk = 16);

}  // namespace sluice::gate

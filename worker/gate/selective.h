#pragma once

#include "worker/gate/packing.h"
#include "worker/gate/prefix.h"
#include "worker/model/vit.h"
#include "worker/torch.h"

namespace sluice::gate {

// Mode `selective`: the forward is the dense one, and only open rows are in the graph. Closed rows
// are computed without one and enter attention as constant keys and values. Oracle: dense autograd
// in which closed rows of k, of v, and of every sub-layer's output are detached.

// Blocks behind the prefix and pooling. `open` [T, D] are the rows of `packed` after the prefix,
// with a graph; closed rows of the same images come from the prefix, which holds all tokens.
// Returns what the classifier sees, [I, D] in packed order, as RunToPool; the mean of a
// mean-pooling model is over all patches. Not thread-safe while parameters change.
torch::Tensor RunSelective(model::Vit& vit, const Prefix& prefix, const torch::Tensor& open,
                           const PackedRows& packed);

}  // namespace sluice::gate

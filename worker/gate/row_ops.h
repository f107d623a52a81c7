#pragma once

#include "worker/torch.h"

namespace sluice::gate {

// Rows `index` (int64 [T], each at most once) of `x` [R, D] -> [T, D]. The gradient is put back row
// by row; unlike index_select's it needs no accumulation, so it is parallel and deterministic.
torch::Tensor GatherRows(const torch::Tensor& x, const torch::Tensor& index);

// `base` [R, D] with rows `index` (each at most once) replaced by `rows` [T, D]. `base` is a
// constant: only `rows` gets a gradient.
torch::Tensor ReplaceRows(const torch::Tensor& base, const torch::Tensor& index,
                          const torch::Tensor& rows);

}  // namespace sluice::gate

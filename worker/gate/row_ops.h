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

// All rows of two complementary sets: row a_index[i] of the result is a[i], row b_index[j] is b[j];
// together the indices are 0..R - 1. `b` is a constant: only `a` gets a gradient.
torch::Tensor MergeRows(const torch::Tensor& a, const torch::Tensor& a_index,
                        const torch::Tensor& b, const torch::Tensor& b_index);

}  // namespace sluice::gate

#pragma once

#include <cstdint>
#include <vector>

#include "worker/torch.h"

namespace sluice::model {

// Sequences that stand next to each other and are equally long; queries of one see its keys.
struct AttentionGroup {
  int64_t sequences = 0;
  int64_t queries = 0;  // Of each.
  int64_t keys = 0;     // Of each; at least 1.
};

// Whether kernels/attention.h serves `rows` [..., a multiple of D], queries or qkv: float32 on the
// CPU without autocast, and heads that it takes. The rest is for LibTorch.
bool HasAttentionKernel(const torch::Tensor& rows, int64_t dim, int64_t heads,
                        const std::vector<AttentionGroup>& groups);

// Attention of ragged sequences in one operation, without padding: qkv [T, 3D] -> [T, D], for
// groups with as many keys as queries, or q [T, D] and kv [S, 2D] -> [T, D]. Rows may stand apart.
// `groups` hold all rows in their order. Values and gradients have the same bits on any number of
// threads and do not depend on other sequences. For the backward it keeps what LibTorch's attention
// does: its arguments, its result and a sum of exponentials for each query and head.
torch::Tensor AttendRows(const torch::Tensor& qkv, const std::vector<AttentionGroup>& groups,
                         int64_t heads);
torch::Tensor AttendRows(const torch::Tensor& q, const torch::Tensor& kv,
                         const std::vector<AttentionGroup>& groups, int64_t heads);

}  // namespace sluice::model

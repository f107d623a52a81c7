#pragma once

#include <vector>

#include "worker/gate/packing.h"
#include "worker/model/vit.h"
#include "worker/torch.h"

namespace sluice::gate {

// Blocks and attention over packed rows. Nothing here is thread-safe while parameters change.

torch::Tensor IndexTensor(const std::vector<int64_t>& values, const torch::Device& device);

// The rows [T, ...] of every group, as views [images, rows_per_image, ...].
std::vector<torch::Tensor> SplitRows(const torch::Tensor& rows,
                                     const std::vector<PackedGroup>& groups);

// Attention in which each row sees the rows of its image: qkv [T, 3D] -> [T, D].
torch::Tensor AttendInside(const torch::Tensor& qkv, const PackedRows& packed, int64_t heads);

// Attention in which inner rows see all outer rows of their image: q [T, D], kv [S, 2D] in the
// order of NestedRows::keys -> [T, D].
torch::Tensor AttendNested(const torch::Tensor& q, const torch::Tensor& kv,
                           const std::vector<NestedGroup>& groups, int64_t heads);

// Blocks first_block..L - 1 (from 0) over packed rows [T, D], attention inside each image, and what
// the classifier sees of them: one row per packed image [I, D] in packed order, its class token or
// the mean of its patches, after the final norm where that comes first. Of the last block it
// computes no more than that needs.
torch::Tensor RunToPool(model::Vit& vit, int64_t first_block, torch::Tensor x,
                        const PackedRows& packed);

// The mean over each image's patches: rows [T, D] with class tokens -> [I, D].
torch::Tensor MeanOfPatches(const torch::Tensor& x, const PackedRows& packed);

}  // namespace sluice::gate

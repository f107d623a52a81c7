#pragma once

#include <vector>

#include "worker/gate/packing.h"
#include "worker/model/vit.h"
#include "worker/torch.h"

namespace sluice::gate {

// Mode `compact`: closed tokens leave the sequence after the gate layer g, and up to it only open
// rows are in the graph, with the closed rows' keys and values as constants. Oracle: dense autograd
// in which, in blocks 1..g, closed rows of k, of v and of every sub-layer's output are detached,
// and in blocks g+1..L closed tokens are masked out as keys.
//
// The order of calls: RunPrefix → decide → Pack → RerunOpenRows (training) or TakeOpenRows
// (evaluation) → RunRagged → PoolRagged → Vit::Classify. Nothing here is thread-safe while
// parameters change.

// Blocks 1..g over all tokens, without a graph.
struct Prefix {
  torch::Tensor patches;           // [B, N, patch_values]
  torch::Tensor x;                 // [B, N + 1, D] after block g.
  std::vector<torch::Tensor> qkv;  // Of each block up to g, [B, N + 1, 3D]; empty if not kept.
};

// `images` [B, C, H, W]; `layer` is g, from 1 to depth - 1. `keep_qkv` is needed for RerunOpenRows.
Prefix RunPrefix(model::Vit& vit, const torch::Tensor& images, int64_t layer, bool keep_qkv);

// The packing as index tensors on the device of the batch.
struct PackedIndex {
  PackedIndex(const PackedRows& packed, const torch::Device& device);

  torch::Tensor images;    // int64 [I]
  torch::Tensor rows;      // int64 [T]
  torch::Tensor slots;     // int64 [T]
  torch::Tensor token;     // int64 [T]
  torch::Tensor cls_rows;  // int64 [I]
};

// Open rows after block g, with a graph: [T, D].
torch::Tensor RerunOpenRows(model::Vit& vit, const Prefix& prefix, const PackedRows& packed,
                            const PackedIndex& index);

// Open rows after block g as the prefix left them, without a graph: [T, D].
torch::Tensor TakeOpenRows(const Prefix& prefix, const PackedIndex& index);

// Blocks first_block..L - 1 (from 0) over the ragged rows [T, D] -> [T, D]; attention stays inside
// each image.
torch::Tensor RunRagged(model::Vit& vit, int64_t first_block, torch::Tensor x,
                        const PackedRows& packed);

// One row per packed image [I, D], in packed order: its class token, or the mean of its open
// patches.
torch::Tensor PoolRagged(const model::Vit& vit, const torch::Tensor& x, const PackedRows& packed,
                         const PackedIndex& index);

}  // namespace sluice::gate

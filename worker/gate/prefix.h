#pragma once

#include <vector>

#include "worker/gate/packing.h"
#include "worker/model/vit.h"
#include "worker/torch.h"

namespace sluice::gate {

// The blocks up to the last gate, in two passes. The first runs without a graph over all tokens
// that are still there, because no gate has decided yet; the second runs the rows that the last
// gate opened again, with a graph, over the keys and values of the first pass as constants. It
// takes the results of linear layers from the first pass.
//
// The order of calls: StartPrefix → RunPrefix → decide → (Narrow → RunPrefix → decide …) →
// RerunOpenRows (training) or TakeRows (evaluation). Nothing here is thread-safe while parameters
// change.

// Consecutive blocks that run over one packing.
struct Segment {
  PackedRows packed;
  int64_t first_block = 0;         // From 0.
  std::vector<torch::Tensor> qkv;  // Of each block, [rows, 3D]; empty if not kept.
  // Results of each block's linear layers, [rows, out]; kept until the rows run again.
  std::vector<std::vector<torch::Tensor>> products;
};

struct Prefix {
  torch::Tensor patches;  // [B, N, patch_values]
  std::vector<Segment> segments;
  int64_t blocks_done = 0;
  torch::Tensor x;    // Rows of the last segment after blocks_done blocks, [T, D].
  torch::Tensor qkv;  // Of the last block that ran, [T, 3D].

  const PackedRows& packed() const { return segments.back().packed; }
};

// Embeds `images` [B, C, H, W]; no block has run.
Prefix StartPrefix(model::Vit& vit, const torch::Tensor& images);
// Runs blocks up to gate layer `layer` (from 1). `keep_qkv` is needed for RerunOpenRows.
void RunPrefix(model::Vit& vit, int64_t layer, bool keep_qkv, Prefix& prefix);
// Closed tokens leave: goes on with the rows of `packed`, which are among the present ones.
void Narrow(PackedRows packed, Prefix& prefix);

// Rows of `packed` after the prefix's blocks, with a graph: [T, D]. Uses up what is kept of linear
// layers: once for each prefix.
torch::Tensor RerunOpenRows(model::Vit& vit, Prefix& prefix, const PackedRows& packed);
// The same values as the first pass left them, without a graph.
torch::Tensor TakeRows(const Prefix& prefix, const PackedRows& packed);

}  // namespace sluice::gate

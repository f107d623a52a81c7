#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/gate/policy.h"
#include "worker/gate/scorer.h"
#include "worker/torch.h"

namespace sluice::gate {

// What scores are made of, for G images with n patches each.
struct ScoreInput {
  torch::Tensor logits;  // [G, n, K] of the uncertainty head, K >= 2; undefined if not NeedsHead.
  torch::Tensor qkv;     // [G, n + 1, 3D] of the block before the gate, class token first.
  int64_t heads = 1;
};

// Scores of patch tokens [G, n] in [0, 1], float32, for every scorer but kRandom; with a graph if
// the logits have one.
torch::Tensor TokenScores(Scorer scorer, const ScoreInput& input);

// Float32 on the CPU that needs no graph is scored by the kernels of kernel_scores.h, anything else
// by LibTorch's operators; they agree to 1e-6.

// Normalised entropy per token: logits [G, n, K] -> [G, n].
torch::Tensor EntropyScores(const torch::Tensor& logits);
// Normalised entropy of each image's mean prediction: logits [G, n, K] -> [G].
torch::Tensor ImageEntropies(const torch::Tensor& logits);
// Information per token: logits [G, n, K] -> [G, n]. Its mean over an image before clamping is
// (H(mean p) - mean H(p)) / log K.
torch::Tensor InformationScores(const torch::Tensor& logits);
// 1 minus the margin between the two likeliest classes: logits [G, n, K] -> [G, n].
torch::Tensor MarginScores(const torch::Tensor& logits);
// Normalised entropy of each attention row of queries from `first_query` on, in float32 at
// least: qkv [G, T, 3D], T >= 2 -> [G, heads, T - first_query].
torch::Tensor AttentionEntropies(const torch::Tensor& qkv, int64_t heads, int64_t first_query);
// Normalised entropy of each patch's attention row, mean over heads: qkv [G, n + 1, 3D] -> [G, n].
torch::Tensor AttentionScores(const torch::Tensor& qkv, int64_t heads);
// The class token's attention a to each patch, mean over heads, as a T / (1 + a T) with T = n + 1
// keys, which is 1/2 where attention is even: qkv [G, n + 1, 3D] -> [G, n].
torch::Tensor ClassAttentionScores(const torch::Tensor& qkv, int64_t heads);

// Uniform draws from (seed, step, image id, token, gate): [ids * tokens], the same on any number of
// ranks.
std::vector<float> RandomScores(const DrawKey& key, std::span<const uint64_t> ids, int64_t tokens);

}  // namespace sluice::gate

#include "worker/gate/score.h"

#include <cmath>

#include "common/philox.h"
#include "common/status.h"
#include "worker/gate/kernel_scores.h"

namespace sluice::gate {

namespace {

// Instead of the logarithm of 0: finite, so that 0 times it is 0.
constexpr double kLeastLog = -1e30;

// Attention of queries [first, last) to all keys: qkv [G, T, 3D] -> log probabilities
// [G, heads, last - first, T].
torch::Tensor LogAttention(const torch::Tensor& qkv, int64_t heads, int64_t first, int64_t last) {
  // Float64 stays, for tests; what autocast made is widened.
  const torch::ScalarType wide = at::promote_types(qkv.scalar_type(), torch::kFloat);
  const std::vector<torch::Tensor> parts = qkv.to(wide).chunk(3, -1);
  const int64_t head_dim = parts[0].size(-1) / heads;
  const auto split = [&](const torch::Tensor& x) {
    return x.unflatten(-1, {heads, head_dim}).transpose(1, 2);
  };
  const torch::Tensor scores =
      at::matmul(split(parts[0].slice(1, first, last)), split(parts[1]).transpose(-1, -2)) /
      std::sqrt(static_cast<double>(head_dim));
  return at::log_softmax(scores, -1);
}

}  // namespace

torch::Tensor TokenScores(Scorer scorer, const ScoreInput& input) {
  switch (scorer) {
    case Scorer::kHead:
      return EntropyScores(input.logits);
    case Scorer::kInformation:
      return InformationScores(input.logits);
    case Scorer::kMargin:
      return MarginScores(input.logits);
    case Scorer::kAttention:
      return AttentionScores(input.qkv, input.heads);
    case Scorer::kClassAttention:
      return ClassAttentionScores(input.qkv, input.heads);
    case Scorer::kRandom:
      break;
  }
  SLUICE_CHECK(false);
  return {};
}

torch::Tensor EntropyScores(const torch::Tensor& logits) {
  if (KernelsTake(logits)) return KernelEntropyScores(logits);
  const torch::Tensor log_p = at::log_softmax(logits.to(torch::kFloat), -1);
  // A class whose probability is 0 adds nothing.
  const torch::Tensor entropy = (log_p.exp() * log_p.clamp_min(kLeastLog)).sum(-1).neg();
  return (entropy / std::log(static_cast<double>(logits.size(-1)))).clamp(0.0, 1.0);
}

torch::Tensor ImageEntropies(const torch::Tensor& logits) {
  if (KernelsTake(logits)) return KernelImageEntropies(logits);
  const torch::Tensor mean = at::softmax(logits.to(torch::kFloat), -1).mean(1);
  const torch::Tensor entropy = (mean * mean.clamp_min(1e-30).log()).sum(-1).neg();
  return (entropy / std::log(static_cast<double>(logits.size(-1)))).clamp(0.0, 1.0);
}

torch::Tensor InformationScores(const torch::Tensor& logits) {
  if (KernelsTake(logits)) return KernelInformationScores(logits);
  const torch::Tensor log_p = at::log_softmax(logits.to(torch::kFloat), -1);
  const torch::Tensor p = log_p.exp();
  // A class that no token of the image believes in adds nothing: 0 * log(0 / 0) is 0.
  const torch::Tensor log_mean = p.mean(1, /*keepdim=*/true).clamp_min(1e-30).log();
  const torch::Tensor divergence = (p * (log_p.clamp_min(kLeastLog) - log_mean)).sum(-1);
  return (divergence / std::log(static_cast<double>(logits.size(-1)))).clamp(0.0, 1.0);
}

torch::Tensor MarginScores(const torch::Tensor& logits) {
  const torch::Tensor two = std::get<0>(at::softmax(logits.to(torch::kFloat), -1).topk(2, -1));
  return (1.0 - (two.select(-1, 0) - two.select(-1, 1))).clamp(0.0, 1.0);
}

torch::Tensor AttentionEntropies(const torch::Tensor& qkv, int64_t heads, int64_t first_query) {
  if (KernelsTake(qkv)) return KernelAttentionEntropies(qkv, heads, first_query);
  const int64_t keys = qkv.size(1);
  const torch::Tensor log_p = LogAttention(qkv, heads, first_query, keys);
  // A key whose probability is 0 adds nothing.
  const torch::Tensor entropy = (log_p.exp() * log_p.clamp_min(kLeastLog)).sum(-1).neg();
  return (entropy / std::log(static_cast<double>(keys))).clamp(0.0, 1.0);
}

torch::Tensor AttentionScores(const torch::Tensor& qkv, int64_t heads) {
  return AttentionEntropies(qkv, heads, 1).mean(1).to(torch::kFloat);
}

torch::Tensor ClassAttentionScores(const torch::Tensor& qkv, int64_t heads) {
  const int64_t keys = qkv.size(1);
  const torch::Tensor a = LogAttention(qkv, heads, 0, 1).exp().mean(1).squeeze(1).slice(1, 1) *
                          static_cast<double>(keys);
  return (a / (1.0 + a)).to(torch::kFloat);
}

std::vector<float> RandomScores(const DrawKey& key, std::span<const uint64_t> ids, int64_t tokens) {
  std::vector<float> scores;
  scores.reserve(ids.size() * tokens);
  for (const uint64_t id : ids) {
    for (int64_t j = 0; j < tokens; ++j) {
      const auto index = static_cast<uint32_t>(key.gate * tokens + j);
      scores.push_back(static_cast<float>(
          UniformDraw(key.seed, DrawPurpose::kRandomScore, key.step, id, index)));
    }
  }
  return scores;
}

}  // namespace sluice::gate

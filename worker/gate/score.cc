#include "worker/gate/score.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/philox.h"

namespace sluice::gate {

absl::StatusOr<Scorer> ParseScorer(const std::string& name) {
  for (const Scorer scorer : {Scorer::kHead, Scorer::kInformation, Scorer::kRandom}) {
    if (name == ScorerName(scorer)) return scorer;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("gate.scorer is '", name, "', expected one of head, information, random"));
}

std::string ScorerName(Scorer scorer) {
  switch (scorer) {
    case Scorer::kHead:
      return "head";
    case Scorer::kInformation:
      return "information";
    case Scorer::kRandom:
      return "random";
  }
  return "";
}

bool NeedsHead(Scorer scorer) { return scorer != Scorer::kRandom; }

torch::Tensor EntropyScores(const torch::Tensor& logits) {
  const torch::Tensor log_p = at::log_softmax(logits.to(torch::kFloat), -1);
  const torch::Tensor entropy = (log_p.exp() * log_p).sum(-1).neg();
  return (entropy / std::log(static_cast<double>(logits.size(-1)))).clamp(0.0, 1.0);
}

torch::Tensor InformationScores(const torch::Tensor& logits) {
  const torch::Tensor log_p = at::log_softmax(logits.to(torch::kFloat), -1);
  const torch::Tensor p = log_p.exp();
  // A class that no token of the image believes in adds nothing: 0 * log(0 / 0) is 0.
  const torch::Tensor log_mean = p.mean(1, /*keepdim=*/true).clamp_min(1e-30).log();
  const torch::Tensor divergence = (p * (log_p - log_mean)).sum(-1);
  return (divergence / std::log(static_cast<double>(logits.size(-1)))).clamp(0.0, 1.0);
}

std::vector<float> RandomScores(const DrawKey& key, std::span<const uint64_t> ids, int64_t tokens) {
  std::vector<float> scores;
  scores.reserve(ids.size() * tokens);
  for (const uint64_t id : ids) {
    for (int64_t j = 0; j < tokens; ++j) {
      scores.push_back(static_cast<float>(UniformDraw(key.seed, DrawPurpose::kRandomScore, key.step,
                                                      id, static_cast<uint32_t>(j))));
    }
  }
  return scores;
}

}  // namespace sluice::gate

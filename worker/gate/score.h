#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/gate/policy.h"
#include "worker/torch.h"

namespace sluice::gate {

// Where a score comes from.
enum class Scorer {
  kHead,         // u = H(p) / log K of the uncertainty head's prediction p.
  kInformation,  // KL(p || mean p of the image) / log K, clamped to 1.
  kRandom,       // Uniform: the control that every claim must beat.
};

// Names: head, information, random. INVALID_ARGUMENT that lists them otherwise.
absl::StatusOr<Scorer> ParseScorer(const std::string& name);
std::string ScorerName(Scorer scorer);
// True if the scorer reads the uncertainty head's logits.
bool NeedsHead(Scorer scorer);

// Normalised entropy per token: logits [B, N, K] -> [B, N] in [0, 1], float32 on the logits'
// device. K >= 2.
torch::Tensor EntropyScores(const torch::Tensor& logits);

// Information per token: logits [B, N, K] -> [B, N] in [0, 1], float32. Its mean over an image
// before clamping is (H(mean p) - mean H(p)) / log K.
torch::Tensor InformationScores(const torch::Tensor& logits);

// Uniform draws from (seed, step, image id, token): [ids * tokens], the same on any number of
// ranks.
std::vector<float> RandomScores(const DrawKey& key, std::span<const uint64_t> ids, int64_t tokens);

}  // namespace sluice::gate

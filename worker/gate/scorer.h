#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::gate {

// Where a score comes from. A new one is an entry here, a row of the table in scorer.cc and a
// formula in score.cc.
enum class Scorer {
  kHead,            // u = H(p) / log K of the uncertainty head's prediction p.
  kInformation,     // KL(p || mean p of the image) / log K, clamped to 1.
  kMargin,          // 1 - (p1 - p2) of the head's two likeliest classes.
  kAttention,       // Entropy of the token's attention, mean over heads, over log(keys).
  kClassAttention,  // a T / (1 + a T), a: the class token's attention to it, mean over heads, T
                    // keys.
  kRandom,          // Uniform: the control that every claim must beat.
};

// Names: head, information, margin, attention, class_attention, random.
const std::vector<std::string>& ScorerNames();
// INVALID_ARGUMENT that lists the names otherwise.
absl::StatusOr<Scorer> ParseScorer(const std::string& name);
std::string ScorerName(Scorer scorer);
// True if the scorer reads the uncertainty head's logits.
bool NeedsHead(Scorer scorer);

}  // namespace sluice::gate

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::gate {

// How the open set is chosen from scores.
enum class PolicyKind {
  kThreshold,  // Open if score > theta, within a floor and a ceiling per image.
  kBudget,     // The top share of scores, per image or per batch.
  kSample,     // A share drawn without replacement, with probability by score, per image.
};

// Names: threshold, budget, sample. INVALID_ARGUMENT that lists them otherwise.
const std::vector<std::string>& PolicyNames();
absl::StatusOr<PolicyKind> ParsePolicy(const std::string& name);

// One gate's policy with the values in force.
struct Policy {
  PolicyKind kind = PolicyKind::kThreshold;
  // In [0, 1]; at or under 0 every token is above it by definition. Floor and ceiling hold then,
  // too.
  double threshold = 0.0;
  double rate = 1.0;   // Share of patch tokens to open under kBudget and kSample, in (0, 1].
  double floor = 0.0;  // Least and largest share of an image's tokens that kThreshold opens.
  double ceiling = 1.0;
  bool batch_budget = false;  // kBudget over the whole batch of this rank instead of each image.
  // With batch_budget: the tokens that `rate` is a share of, however many this rank has; 0: its
  // own. With one number on all ranks, all open equally many.
  int64_t budget_tokens = 0;
};

// Scores of a batch's patch tokens.
struct Scores {
  int64_t images = 0;
  int64_t tokens = 0;             // Patch tokens per image.
  std::span<const float> values;  // [images * tokens], in [0, 1].
  std::span<const uint64_t> ids;  // [images], names of the images for draws.
  // [images * tokens] or empty: tokens at 0 were closed by an earlier gate and stay closed.
  std::span<const uint8_t> present = {};
};

// Seed and step of draws, and which of several gates draws.
struct DrawKey {
  uint64_t seed = 0;
  uint64_t step = 0;
  uint32_t gate = 0;
};

// Open (1) or closed (0) for each patch token, [images * tokens]. A pure function: the same on any
// number of ranks, except kBudget over a batch, which ranks this rank's images only. Ties go to the
// lower token index, and NaN counts as 0. Shares are rounded to the nearest number of tokens;
// kBudget and kSample open at least one token per image, or per batch where the budget is the
// batch's. Of an image with fewer tokens present than its share, all present ones are opened.
std::vector<uint8_t> Decide(const Policy& policy, const Scores& scores, const DrawKey& key);

}  // namespace sluice::gate

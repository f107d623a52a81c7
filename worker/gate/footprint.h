#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/gate/policy.h"

namespace sluice::gate {

// The footprint gate: which parameter groups may change in a step. An attention head is ranked by
// the mean entropy of its attention, an MLP and the adapters of a block by the mean of its heads.

enum class FootprintScorer {
  kAttention,  // The most uncertain heads may change.
  kRandom,     // Uniform, drawn anew for each decision: the control.
};

// Names: attention, random. INVALID_ARGUMENT that lists them otherwise.
const std::vector<std::string>& FootprintScorerNames();
absl::StatusOr<FootprintScorer> ParseFootprintScorer(const std::string& name);

struct FootprintSettings {
  double rate = 1.0;  // Share of all heads, and of all MLPs, that may change, in [0, 1].
  FootprintScorer scorer = FootprintScorer::kAttention;
  int64_t every = 10;  // Steps from one decision to the next.
  bool rest = true;    // Embeddings, final norm and classifier may change.

  // False: everything may change.
  bool decides() const { return rate < 1.0 || !rest; }
};

// What may change.
struct Footprint {
  std::vector<std::vector<uint8_t>> heads;  // [depth][heads]
  std::vector<uint8_t> mlp;                 // [depth]; a block's adapters follow it, too.
  bool rest = true;                         // Embeddings and final norm.
  bool classifier = true;

  // A block's own parameters (proj's bias, norms, LayerScale) may change with any part of it.
  bool BlockIsOpen(int64_t block) const;
};

// The first decision is made for step 1, the next ones every `every` steps.
inline bool FootprintIsDue(const FootprintSettings& settings, int64_t step) {
  return settings.decides() && (step - 1) % settings.every == 0;
}

// Ranks by `entropies` [depth * heads] (not read by kRandom, whose draws come from `key`, with the
// decision's step); ties and NaN, which counts as 0, go to the lower index. The share is rounded to
// the nearest number. Pure.
Footprint DecideFootprint(const FootprintSettings& settings, int64_t depth, int64_t heads,
                          std::span<const double> entropies, const DrawKey& key);

// The classifier alone may change.
Footprint FrozenBackbone(int64_t depth, int64_t heads);

// Whether a parameter group may change; `group` is a name of train::BuildGroups. Uncertainty heads
// always may.
bool MayChange(const Footprint& footprint, const std::string& group);

}  // namespace sluice::gate

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/attention.h"

namespace sluice::kernels {

// One implementation of what kernels/attention.h names; all of them run the same cases.
struct AttentionImplementation {
  std::function<void(const AttentionHead<float>&, const AttentionResult<float>&)> forward;
  std::function<void(const AttentionHead<float>&, const AttentionResult<const float>&,
                     const AttentionGradient<float>&)>
      backward;
};

// One head: rows of q, k, v and of the gradient of its result, each `stride` apart.
struct AttentionProblem {
  int64_t queries = 0;
  int64_t keys = 0;
  int64_t head_dim = 16;
  int64_t stride = 16;
  std::vector<float> q, k, v, gradient;
};

// What an implementation gives for it, rows as far apart; what is between them stays kUntouched.
struct AttentionOutcome {
  std::vector<float> out, logsumexp, q, k, v;
};
inline constexpr float kUntouched = -77.0f;

// Normal values times `width`; between rows stands NaN.
AttentionProblem DrawAttention(uint32_t seed, int64_t queries, int64_t keys, int64_t head_dim,
                               float width = 1.0f, int64_t gap = 0);

AttentionOutcome RunAttention(const AttentionImplementation& run, const AttentionProblem& p);

// In plain loops of float64.
AttentionImplementation AttentionReference();

void AttentionComputesTheFormula(const AttentionImplementation& run);
void AttentionFollowsTheReference(const AttentionImplementation& run);
void AttentionTakesScoresOfAnySize(const AttentionImplementation& run);
void AttentionWritesItsRowsAndNothingElse(const AttentionImplementation& run);
void AttentionWithoutQueriesLeavesKeysWithoutGradient(const AttentionImplementation& run);
void AttentionShowsWhatIsNoNumber(const AttentionImplementation& run);
void AttentionBoundsProbabilitiesOfRoundedRows(const AttentionImplementation& run);

inline void RunAttentionCases(const AttentionImplementation& run) {
  AttentionComputesTheFormula(run);
  AttentionFollowsTheReference(run);
  AttentionTakesScoresOfAnySize(run);
  AttentionWritesItsRowsAndNothingElse(run);
  AttentionWithoutQueriesLeavesKeysWithoutGradient(run);
  AttentionShowsWhatIsNoNumber(run);
  AttentionBoundsProbabilitiesOfRoundedRows(run);
}

}  // namespace sluice::kernels

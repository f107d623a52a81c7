#pragma once

#include <functional>

#include "kernels/attention_entropy.h"

namespace sluice::kernels {

// One implementation of AttentionEntropy; all of them run the same cases.
using AttentionEntropyImplementation =
    std::function<void(const AttentionShape&, const float* q, const float* k, float* entropy)>;

void AttentionEntropyComputesTheFormula(const AttentionEntropyImplementation& run);
void AttentionEntropyFollowsTheReference(const AttentionEntropyImplementation& run);
void AttentionEntropyTakesProductsOfAnySize(const AttentionEntropyImplementation& run);
void AttentionEntropyOfOneKeyIsZero(const AttentionEntropyImplementation& run);
void AttentionEntropyMarksRowsWithoutAttention(const AttentionEntropyImplementation& run);
void AttentionEntropyReadsStridedRowsAndNothingElse(const AttentionEntropyImplementation& run);

inline void RunAttentionEntropyCases(const AttentionEntropyImplementation& run) {
  AttentionEntropyComputesTheFormula(run);
  AttentionEntropyFollowsTheReference(run);
  AttentionEntropyTakesProductsOfAnySize(run);
  AttentionEntropyOfOneKeyIsZero(run);
  AttentionEntropyMarksRowsWithoutAttention(run);
  AttentionEntropyReadsStridedRowsAndNothingElse(run);
}

}  // namespace sluice::kernels

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/token_entropy.h"

namespace sluice::kernels {

// One implementation of TokenEntropy; all of them run the same cases.
using TokenEntropyImplementation =
    std::function<void(const TokenEntropyShape&, const TokenEntropyOptions&, const float* logits,
                       const TokenEntropyOutput<float>&)>;

void TokenEntropyComputesTheFormulas(const TokenEntropyImplementation& run);
// `dense` tries every number of classes up to 70, otherwise those around powers of two.
void TokenEntropyFollowsTheReference(const TokenEntropyImplementation& run, bool dense);
void TokenEntropyTakesLogitsOfAnySize(const TokenEntropyImplementation& run);
void TokenEntropyClampsInformation(const TokenEntropyImplementation& run);
void TokenEntropyTakesImpossibleClasses(const TokenEntropyImplementation& run);
void TokenEntropyMarksRowsWithoutPrediction(const TokenEntropyImplementation& run);
void TokenEntropyOpensAboveTheThreshold(const TokenEntropyImplementation& run);
void TokenEntropyCountsScores(const TokenEntropyImplementation& run);
void TokenEntropyOfATokenDependsOnNoPlace(const TokenEntropyImplementation& run);
void TokenEntropyWritesWhatIsWantedAndNoMore(const TokenEntropyImplementation& run);

inline void RunTokenEntropyCases(const TokenEntropyImplementation& run, bool dense = false) {
  TokenEntropyComputesTheFormulas(run);
  TokenEntropyFollowsTheReference(run, dense);
  TokenEntropyTakesLogitsOfAnySize(run);
  TokenEntropyClampsInformation(run);
  TokenEntropyTakesImpossibleClasses(run);
  TokenEntropyMarksRowsWithoutPrediction(run);
  TokenEntropyOpensAboveTheThreshold(run);
  TokenEntropyCountsScores(run);
  TokenEntropyOfATokenDependsOnNoPlace(run);
  TokenEntropyWritesWhatIsWantedAndNoMore(run);
}

}  // namespace sluice::kernels

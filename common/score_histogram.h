#pragma once

#include <array>
#include <cstdint>

namespace sluice {

// Number of score bins, part of the protocol.
inline constexpr int kScoreBins = 64;

using ScoreBins = std::array<uint64_t, kScoreBins>;

// Upper edge of bin i, (1 - cos(pi * (i + 1) / 64)) / 2: finer near 0 and 1, where scores of a
// trained model gather.
double ScoreBinUpperEdge(int bin);

// Lower edge of bin i: the upper edge of the bin before it, 0 for the first.
double ScoreBinLowerEdge(int bin);

// Bin of a score in [0, 1]: the first whose upper edge is at or above it. Scores outside are
// clamped; NaN is bin 0.
int ScoreBin(double score);

// Score under which a share `q` in [0, 1] of the weight lies, linear inside a bin. `weights` are
// non-negative; with no weight at all it is 0. Both histograms of counts and averaged ones are
// accepted.
double ScoreQuantile(const std::array<double, kScoreBins>& weights, double q);

// Share of the weight above `threshold`, linear inside a bin: the activation rate that a threshold
// would have.
double ShareAbove(const std::array<double, kScoreBins>& weights, double threshold);

}  // namespace sluice

#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace sluice::sidecar {

// How long commits of the state took, in bins that are fine enough to judge a 99th percentile by. A
// plain value: not synchronised.
struct CommitTimes {
  static constexpr size_t kBins = 34;

  // Upper edge of bin i: half a millisecond, each 1.3 times the one before, up to 2.9 seconds; the
  // last bin holds all above.
  static double UpperSeconds(size_t bin) { return 5e-4 * std::pow(1.3, static_cast<double>(bin)); }

  void Add(double seconds) {
    size_t bin = 0;
    while (bin + 1 < kBins && seconds > UpperSeconds(bin)) ++bin;
    ++bins[bin];
    sum_seconds += seconds;
  }

  std::array<uint64_t, kBins> bins{};
  double sum_seconds = 0.0;
};

}  // namespace sluice::sidecar

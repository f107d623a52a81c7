#pragma once

#include <array>
#include <cstdint>

namespace sluice {

// Number of latency bins, part of the protocol.
inline constexpr int kLatencyBins = 28;

// Durations in fixed, logarithmic bins; cumulative. A plain value: not synchronised.
struct LatencyHistogram {
  // Bin i holds durations in (2^(i-1), 2^i] microseconds, bin 0 also 0, the last bin all above.
  std::array<uint64_t, kLatencyBins> bins{};
  uint64_t sum_micros = 0;

  void Add(uint64_t micros);
  bool operator==(const LatencyHistogram&) const = default;
};

// Upper edge of bin i in seconds.
double LatencyBinUpperSeconds(int bin);

}  // namespace sluice

#include "common/latency_histogram.h"

#include <algorithm>
#include <bit>

namespace sluice {

void LatencyHistogram::Add(uint64_t micros) {
  const int bin = micros <= 1 ? 0 : static_cast<int>(std::bit_width(micros - 1));
  ++bins[std::min(bin, kLatencyBins - 1)];
  sum_micros += micros;
}

double LatencyBinUpperSeconds(int bin) { return static_cast<double>(uint64_t{1} << bin) * 1e-6; }

}  // namespace sluice

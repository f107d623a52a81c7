#include "common/latency_histogram.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace sluice {
namespace {

int BinOf(uint64_t micros) {
  LatencyHistogram histogram;
  histogram.Add(micros);
  for (int i = 0; i < kLatencyBins; ++i) {
    if (histogram.bins[static_cast<size_t>(i)] == 1) return i;
  }
  return -1;
}

TEST(LatencyHistogram, BinsHaveInclusiveUpperEdges) {
  EXPECT_EQ(BinOf(0), 0);
  EXPECT_EQ(BinOf(1), 0);
  for (int i = 1; i < kLatencyBins - 1; ++i) {
    const uint64_t edge = uint64_t{1} << i;
    EXPECT_EQ(BinOf(edge), i);
    EXPECT_EQ(BinOf(edge + 1), i + 1);
    EXPECT_DOUBLE_EQ(LatencyBinUpperSeconds(i), static_cast<double>(edge) * 1e-6);
  }
  EXPECT_EQ(BinOf(std::numeric_limits<uint64_t>::max()), kLatencyBins - 1);
}

TEST(LatencyHistogram, CountsAndSums) {
  LatencyHistogram histogram;
  for (const uint64_t micros : {3, 5, 1000, 0}) histogram.Add(micros);
  EXPECT_EQ(histogram.sum_micros, 1008u);
  EXPECT_EQ(std::accumulate(histogram.bins.begin(), histogram.bins.end(), uint64_t{0}), 4u);
}

}  // namespace
}  // namespace sluice

// The bodies of kernels/cuda/ on the host harness, lane by lane, with the cases of the CPU kernels.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cuda/attention_entropy_body.h"
#include "kernels/cuda/fp8_body.h"
#include "kernels/cuda/rows_body.h"
#include "kernels/cuda/token_entropy_body.h"
#include "tests/kernels/attention_entropy_cases.h"
#include "tests/kernels/block_harness.h"
#include "tests/kernels/fp8_cases.h"
#include "tests/kernels/rows_cases.h"
#include "tests/kernels/token_entropy_cases.h"

namespace sluice::kernels {
namespace {

struct NoShared {};

// Fewer blocks than rows, so that a block has several and uses its shared memory again.
int BlocksFor(int64_t rows) { return static_cast<int>(std::min<int64_t>(rows, 3)); }

Fp8Implementation Fp8OnHarness(LaneOrder order) {
  return {
      [order](const float* x, int64_t rows, int64_t columns, uint8_t* codes, float* scales) {
        const cuda::Fp8PackArgs args{x, rows, columns, codes, scales};
        RunGrid<cuda::Fp8Shared>(
            BlocksFor(rows), cuda::ThreadsFor(columns), order,
            [&](HostBlock& block, auto& shared) { cuda::Fp8PackBody(block, shared, args); });
      },
      [order](const uint8_t* codes, const float* scales, int64_t rows, int64_t columns, float* x) {
        const cuda::Fp8UnpackArgs args{codes, scales, rows, columns, x};
        RunGrid<NoShared>(BlocksFor(rows), cuda::ThreadsFor(columns), order,
                          [&](HostBlock& block, NoShared&) { cuda::Fp8UnpackBody(block, args); });
      }};
}

RowsImplementation RowsOnHarness(LaneOrder order) {
  return {
      [order](const float* x, int64_t, int64_t columns, const int64_t* index, int64_t count,
              float* out) {
        const cuda::RowCompactArgs args{x, columns, index, count, out};
        RunGrid<NoShared>(BlocksFor(count), cuda::ThreadsFor(columns), order,
                          [&](HostBlock& block, NoShared&) { cuda::RowCompactBody(block, args); });
      },
      [order](const float* grad, const int64_t* index, int64_t count, int64_t rows, int64_t columns,
              float* out) {
        std::vector<int64_t> inverse(static_cast<size_t>(rows), -1);
        const cuda::RowInverseArgs turn{index, count, rows, inverse.data()};
        RunGrid<NoShared>(2, 32, order,
                          [&](HostBlock& block, NoShared&) { cuda::RowInverseBody(block, turn); });
        const cuda::RowScatterArgs args{grad, columns, inverse.data(), rows, out};
        RunGrid<NoShared>(BlocksFor(rows), cuda::ThreadsFor(columns), order,
                          [&](HostBlock& block, NoShared&) { cuda::RowScatterBody(block, args); });
      }};
}

TokenEntropyImplementation TokenEntropyOnHarness(LaneOrder order) {
  return [order](const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                 const float* logits, const TokenEntropyOutput<float>& output) {
    // As cuda::TokenEntropyScratch says, and a margin that must stay.
    const size_t size = static_cast<size_t>(shape.images * (3 * shape.tokens + shape.classes));
    std::vector<float> scratch(size + 8, -5.0f);
    const cuda::TokenEntropyArgs args =
        cuda::MakeTokenEntropyArgs(shape, options, logits, output, scratch.data());
    RunGrid<cuda::TokenEntropyShared>(
        BlocksFor(shape.images), 128, order,
        [&](HostBlock& block, auto& shared) { cuda::TokenEntropyBody(block, shared, args); });
    EXPECT_EQ(std::count(scratch.begin() + size, scratch.end(), -5.0f), 8);
  };
}

AttentionEntropyImplementation AttentionEntropyOnHarness(LaneOrder order) {
  return [order](const AttentionShape& shape, const float* q, const float* k, float* entropy) {
    const cuda::AttentionEntropyArgs args{shape, q, k, entropy};
    RunGrid<cuda::AttentionEntropyShared>(
        BlocksFor(shape.images * shape.heads * shape.queries()), cuda::kQueryTile * cuda::kWarp,
        order,
        [&](HostBlock& block, auto& shared) { cuda::AttentionEntropyBody(block, shared, args); });
  };
}

class CudaBodies : public testing::TestWithParam<LaneOrder> {};

INSTANTIATE_TEST_SUITE_P(Orders, CudaBodies, testing::ValuesIn(kBothOrders), [](const auto& info) {
  return info.param == LaneOrder::kFirstLaneFirst ? "FirstLaneFirst" : "LastLaneFirst";
});

TEST_P(CudaBodies, Fp8FollowsTheReference) { RunFp8Cases(Fp8OnHarness(GetParam()), (1 << 18) + 1); }

TEST_P(CudaBodies, RowsFollowTheReference) { RunRowsCases(RowsOnHarness(GetParam())); }

TEST_P(CudaBodies, TokenEntropyFollowsTheReference) {
  RunTokenEntropyCases(TokenEntropyOnHarness(GetParam()));
}

TEST_P(CudaBodies, AttentionEntropyFollowsTheReference) {
  RunAttentionEntropyCases(AttentionEntropyOnHarness(GetParam()));
}

// Rows never get there, because their scale keeps them within 448.
TEST(CudaFp8, ValuesBeyondTheLargestSaturate) {
  for (const float y : {448.0f, 463.9f, 464.0f, 465.0f, 1e9f, 3e38f}) {
    EXPECT_EQ(int{cuda::Fp8Encode(y)}, int{Fp8Nearest(y)}) << y;
    EXPECT_EQ(int{cuda::Fp8Encode(-y)}, int{Fp8Nearest(-y)}) << y;
  }
}

// Scores of the cases stand on no edge.
TEST(CudaTokenEntropy, BinsAreThoseOfTheProtocol) {
  const cuda::TokenEntropyArgs args = cuda::MakeTokenEntropyArgs({}, {}, nullptr, {}, nullptr);
  for (int bin = 0; bin < kScoreBins; ++bin) {
    const double edge = ScoreBinUpperEdge(bin);
    for (const double score : {std::nextafter(edge, 0.0), edge, std::nextafter(edge, 2.0)}) {
      EXPECT_EQ(cuda::BinOf(args.upper_edges, score), ScoreBin(score)) << score;
    }
  }
  EXPECT_EQ(cuda::BinOf(args.upper_edges, 0.0), 0);
}

TEST(CudaLaunch, RowsGetWholeWarps) {
  EXPECT_EQ(cuda::ThreadsFor(0), 32);
  EXPECT_EQ(cuda::ThreadsFor(32), 32);
  EXPECT_EQ(cuda::ThreadsFor(33), 64);
  EXPECT_EQ(cuda::ThreadsFor(192), 192);
  EXPECT_EQ(cuda::ThreadsFor(255), 256);
  EXPECT_EQ(cuda::ThreadsFor(4096), 256);
}

}  // namespace
}  // namespace sluice::kernels

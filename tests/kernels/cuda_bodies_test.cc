// The bodies of kernels/cuda/ on the host harness, lane by lane, with the cases of the CPU kernels.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/cuda/fp8_body.h"
#include "kernels/cuda/rows_body.h"
#include "tests/kernels/block_harness.h"
#include "tests/kernels/fp8_cases.h"
#include "tests/kernels/rows_cases.h"

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

class CudaBodies : public testing::TestWithParam<LaneOrder> {};

INSTANTIATE_TEST_SUITE_P(Orders, CudaBodies, testing::ValuesIn(kBothOrders), [](const auto& info) {
  return info.param == LaneOrder::kFirstLaneFirst ? "FirstLaneFirst" : "LastLaneFirst";
});

TEST_P(CudaBodies, Fp8FollowsTheReference) { RunFp8Cases(Fp8OnHarness(GetParam()), (1 << 18) + 1); }

TEST_P(CudaBodies, RowsFollowTheReference) { RunRowsCases(RowsOnHarness(GetParam())); }

// Rows never get there, because their scale keeps them within 448.
TEST(CudaFp8, ValuesBeyondTheLargestSaturate) {
  for (const float y : {448.0f, 463.9f, 464.0f, 465.0f, 1e9f, 3e38f}) {
    EXPECT_EQ(int{cuda::Fp8Encode(y)}, int{Fp8Nearest(y)}) << y;
    EXPECT_EQ(int{cuda::Fp8Encode(-y)}, int{Fp8Nearest(-y)}) << y;
  }
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

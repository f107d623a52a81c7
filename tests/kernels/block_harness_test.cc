#include "tests/kernels/block_harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cuda/reduce.h"

namespace sluice::kernels {
namespace {

constexpr int kThreads = 96;

struct NothingShared {};

struct Turns {
  int value[kThreads];
};

// Each lane writes its number and reads its neighbour's, with a barrier between or without.
std::vector<int> Neighbours(LaneOrder order, bool with_barrier) {
  std::vector<int> got(kThreads, -1);
  RunGrid<Turns>(1, kThreads, order, [&](HostBlock& block, Turns& shared) {
    shared.value[block.thread] = block.thread;
    if (with_barrier) block.Sync();
    got[block.thread] = shared.value[(block.thread + 1) % block.threads];
  });
  return got;
}

std::vector<int> RightNeighbours() {
  std::vector<int> expected(kThreads);
  std::iota(expected.begin(), expected.end(), 1);
  expected.back() = 0;
  return expected;
}

TEST(BlockHarness, ABarrierMakesWritesVisibleInEveryOrder) {
  for (const LaneOrder order : kBothOrders) EXPECT_EQ(Neighbours(order, true), RightNeighbours());
}

TEST(BlockHarness, AMissingBarrierGivesAWrongResult) {
  // First lanes first: they read what later ones have not written. The other way round only the
  // last lane does.
  EXPECT_NE(Neighbours(LaneOrder::kFirstLaneFirst, false), RightNeighbours());
  EXPECT_NE(Neighbours(LaneOrder::kLastLaneFirst, false), RightNeighbours());
}

// A race that one order hides: everyone reads what the first lane has written.
TEST(BlockHarness, OneOfTheOrdersShowsWhatTheOtherHides) {
  for (const bool lane_is_first : {true, false}) {
    const int writer = lane_is_first ? 0 : kThreads - 1;
    int wrong_orders = 0;
    for (const LaneOrder order : kBothOrders) {
      int wrong = 0;
      RunGrid<Turns>(1, kThreads, order, [&](HostBlock& block, Turns& shared) {
        if (block.thread == writer) shared.value[0] = 42;
        wrong += shared.value[0] == 42 ? 0 : 1;
      });
      wrong_orders += wrong > 0 ? 1 : 0;
    }
    EXPECT_EQ(wrong_orders, 1) << "writer " << writer;
  }
}

TEST(BlockHarness, ShufflesGoWithinTheWarp) {
  for (const LaneOrder order : kBothOrders) {
    std::vector<int> down(kThreads), mixed(kThreads);
    std::vector<double> wide(kThreads);
    RunGrid<NothingShared>(1, kThreads, order, [&](HostBlock& block, NothingShared&) {
      down[block.thread] = block.ShuffleDown(block.thread, 5);
      mixed[block.thread] = block.ShuffleXor(block.thread, 9);
      wide[block.thread] = block.ShuffleXor(block.thread + 0.25, 1);
    });
    for (int i = 0; i < kThreads; ++i) {
      EXPECT_EQ(down[i], i % 32 + 5 < 32 ? i + 5 : i);
      EXPECT_EQ(mixed[i], i ^ 9);
      EXPECT_EQ(wide[i], (i ^ 1) + 0.25);
    }
  }
}

TEST(BlockHarness, EveryBlockAndLaneRunsOnce) {
  for (const LaneOrder order : kBothOrders) {
    std::vector<int> ran(5 * 64), next;
    int64_t sum = 0;
    RunGrid<NothingShared>(5, 64, order, [&](HostBlock& block, NothingShared&) {
      EXPECT_EQ(block.blocks, 5);
      EXPECT_EQ(block.threads, 64);
      ++ran[block.block * 64 + block.thread];
      next.push_back(block.block * 64 + block.thread);
      block.AtomicAdd(&sum, int64_t{2});
    });
    EXPECT_EQ(ran, std::vector<int>(5 * 64, 1));
    EXPECT_EQ(sum, 2 * 5 * 64);
    EXPECT_EQ(next.front(), order == LaneOrder::kFirstLaneFirst ? 0 : 5 * 64 - 1);
  }
}

// The reduction that kernels share: the same value on all lanes, again and again with the same
// slots, for one warp up to 32.
TEST(BlockHarness, ABlockReducesInEveryOrder) {
  for (const LaneOrder order : kBothOrders) {
    for (const int threads : {32, 64, 96, 256, 1024}) {
      std::vector<int> got(threads);
      RunGrid<cuda::WarpSlots<int>>(1, threads, order, [&](HostBlock& block, auto& slots) {
        for (int round = 1; round <= 3; ++round) {
          got[block.thread] += cuda::BlockReduce(block, slots, block.thread * round,
                                                 [](int a, int b) { return a + b; });
        }
      });
      EXPECT_EQ(got, std::vector<int>(threads, 6 * (threads - 1) * threads / 2));
    }
  }
}

void RunOne(int threads, void (*body)(HostBlock&)) {
  RunBlock(0, 1, threads, LaneOrder::kFirstLaneFirst, body);
}

TEST(BlockHarnessDeathTest, LanesThatEndWhileOthersWaitAreFound) {
  EXPECT_DEATH(RunOne(64,
                      [](HostBlock& block) {
                        if (block.thread != 40) block.Sync();
                      }),
               "divergent barrier in block 0: lane 0 waits at the barrier in .*block_harness_test"
               ".*, lane 40 has ended");
}

// Not within EXPECT_DEATH, where all code is one line.
void TwoBarriers(HostBlock& block) {
  if (block.thread < 32) {
    block.Sync();
  } else {
    block.Sync();
  }
}

TEST(BlockHarnessDeathTest, LanesAtTwoBarriersAreFound) {
  EXPECT_DEATH(RunOne(64, TwoBarriers),
               "divergent barrier in block 0: lane 0 waits.*, lane 32 waits");
}

TEST(BlockHarnessDeathTest, AShuffleOfPartOfAWarpIsFound) {
  EXPECT_DEATH(RunOne(32,
                      [](HostBlock& block) {
                        if (block.thread < 31) block.ShuffleXor(1, 1);
                      }),
               "divergent shuffle in block 0: lane 0 waits at ShuffleXor\\(1\\) in .*, lane 31 has "
               "ended");
  EXPECT_DEATH(RunOne(64,
                      [](HostBlock& block) {
                        if (block.thread == 33) {
                          block.Sync();
                        } else {
                          block.ShuffleDown(1, 2);
                        }
                      }),
               "divergent shuffle in block 0: lane 32 waits at ShuffleDown\\(2\\) in .*, lane 33 "
               "waits at the barrier");
}

TEST(BlockHarnessDeathTest, LanesThatShuffleDifferentlyAreFound) {
  EXPECT_DEATH(RunOne(32, [](HostBlock& block) { block.ShuffleXor(1, block.thread < 8 ? 1 : 2); }),
               "divergent shuffle.*lane 0 waits at ShuffleXor\\(1\\).*lane 8 waits at "
               "ShuffleXor\\(2\\)");
}

TEST(BlockHarnessDeathTest, ABlockHasWholeWarps) {
  EXPECT_DEATH(RunOne(40, [](HostBlock&) {}), "whole warps and at most 1024 lanes, not 40");
  EXPECT_DEATH(RunOne(1056, [](HostBlock&) {}), "not 1056");
}

}  // namespace
}  // namespace sluice::kernels

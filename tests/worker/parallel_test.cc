#include "worker/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace sluice {
namespace {

TEST(ParallelForTest, EveryThreadTakesAPart) {
  at::set_num_threads(2);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::vector<std::atomic<int>> seen(7);
  ParallelFor(0, 7, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++seen[i];
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(threads.size(), 2u);
  for (const std::atomic<int>& times : seen) EXPECT_EQ(times, 1);
}

TEST(ParallelForTest, LittleWorkAndInnerLoopsStayOnTheirThread) {
  at::set_num_threads(2);
  int parts = 0;
  ParallelFor(0, 7, 100, [&](int64_t begin, int64_t end) {
    ++parts;
    EXPECT_EQ(end - begin, 7);
  });
  EXPECT_EQ(parts, 1);
  std::atomic<int> strangers = 0;
  ParallelFor(0, 2, 1, [&](int64_t, int64_t) {
    const std::thread::id outer = std::this_thread::get_id();
    ParallelFor(0, 8, 1,
                [&](int64_t, int64_t) { strangers += std::this_thread::get_id() != outer; });
  });
  EXPECT_EQ(strangers, 0);
  ParallelFor(3, 3, 1, [&](int64_t, int64_t) { ++parts; });
  EXPECT_EQ(parts, 1);
}

}  // namespace
}  // namespace sluice

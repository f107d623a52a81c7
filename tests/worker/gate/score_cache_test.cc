#include "worker/gate/score_cache.h"

#include <gtest/gtest.h>

namespace sluice::gate {
namespace {

TEST(ScoreCacheTest, AScoreIsFoundUntilItIsTooOld) {
  ScoreCache cache;
  cache.Store({7, 0.25, 3});
  EXPECT_EQ(cache.Find(7, 3, 0), 0.25);
  EXPECT_EQ(cache.Find(7, 5, 2), 0.25);
  EXPECT_FALSE(cache.Find(7, 6, 2).has_value());
  EXPECT_FALSE(cache.Find(8, 3, 100).has_value());
}

TEST(ScoreCacheTest, TheLaterEpochWins) {
  ScoreCache cache;
  cache.Store({7, 0.25, 3});
  cache.Store({7, 0.5, 4});
  EXPECT_EQ(cache.Find(7, 4, 0), 0.5);
  cache.Store({7, 0.75, 2});
  EXPECT_EQ(cache.Find(7, 4, 0), 0.5);
  cache.Store({7, 0.125, 4});  // Measured again in the same epoch.
  EXPECT_EQ(cache.Find(7, 4, 0), 0.125);
}

TEST(ScoreCacheTest, AllStandByRisingId) {
  ScoreCache cache;
  cache.Store({9, 0.5, 1});
  cache.Store({2, 0.25, 0});
  cache.Store({UINT64_MAX, 1.0, 2});
  EXPECT_EQ(cache.All(),
            (std::vector<CachedScore>{{2, 0.25, 0}, {9, 0.5, 1}, {UINT64_MAX, 1.0, 2}}));
  EXPECT_EQ(cache.size(), 3u);
}

}  // namespace
}  // namespace sluice::gate

#include "common/security/refusal_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::security {
namespace {

TEST(RefusalTally, CountsByReasonFromAnyThread) {
  RefusalTally tally;
  EXPECT_TRUE(tally.Counts().empty());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&tally] {
      for (int i = 0; i < 1000; ++i) tally.Count(Denial::kPermission);
    });
  }
  for (std::thread& thread : threads) thread.join();
  tally.Count(Denial::kSilent);
  EXPECT_THAT(tally.Counts(), ::testing::ElementsAre(::testing::Pair("permission_denied", 4000),
                                                     ::testing::Pair("silent_stream", 1)));
}

}  // namespace
}  // namespace sluice::security

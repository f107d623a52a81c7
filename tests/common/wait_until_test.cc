#include "tests/common/wait_until.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(WaitUntil, LooksUntilTheConditionHolds) {
  int looks = 0;
  EXPECT_TRUE(WaitUntil([&] { return ++looks == 3; }));
  EXPECT_EQ(looks, 3);
}

TEST(WaitUntil, GivesUpAtItsTimeout) {
  int looks = 0;
  const auto start = steady_clock::now();
  const auto never = [&] { return ++looks < 0; };
  EXPECT_FALSE(WaitUntil(never, milliseconds(30)));
  EXPECT_GE(steady_clock::now() - start, milliseconds(30));
  EXPECT_LT(steady_clock::now() - start, seconds(10));
  EXPECT_GE(looks, 2);
}

TEST(WaitUntil, WithoutTimeItStillLooksOnce) {
  EXPECT_TRUE(WaitUntil([] { return true; }, seconds(-1)));
  EXPECT_FALSE(WaitUntil([] { return false; }, seconds(-1)));
}

}  // namespace
}  // namespace sluice

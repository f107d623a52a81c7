#include "worker/telemetry/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::telemetry {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(BackoffTest, DoublesUpToTheLongestWithJitter) {
  Backoff backoff(milliseconds(100), milliseconds(1000), 1);
  for (const int bound : {100, 200, 400, 800, 1000, 1000}) {
    const microseconds pause = backoff.Next();
    EXPECT_GE(pause, milliseconds(bound) / 2);
    EXPECT_LE(pause, milliseconds(bound));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), milliseconds(100));
}

TEST(BackoffTest, RanksDoNotComeBackTogether) {
  Backoff one(milliseconds(100), milliseconds(1000), 1);
  Backoff other(milliseconds(100), milliseconds(1000), 2);
  EXPECT_NE(one.Next(), other.Next());
}

}  // namespace
}  // namespace sluice::telemetry

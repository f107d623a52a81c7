#include "common/security/token_bucket.h"

#include <gtest/gtest.h>

namespace sluice::security {
namespace {

using std::chrono::milliseconds;

TEST(TokenBucket, ABurstThenTheRate) {
  TokenBucket bucket(10, 5);
  TokenBucket::Time now{std::chrono::hours(1)};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.Take(now)) << i;
  EXPECT_FALSE(bucket.Take(now));
  EXPECT_FALSE(bucket.Take(now += milliseconds(99)));
  EXPECT_TRUE(bucket.Take(now += milliseconds(2)));
  EXPECT_FALSE(bucket.Take(now));
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += bucket.Take(now += milliseconds(10)) ? 1 : 0;
  EXPECT_NEAR(taken, 100, 1);
}

TEST(TokenBucket, NeverMoreThanItsBurstAndNoTimeBackwards) {
  TokenBucket bucket(10, 2);
  TokenBucket::Time now{std::chrono::hours(1)};
  EXPECT_TRUE(bucket.Take(now));
  EXPECT_FALSE(bucket.Full(now));
  now += std::chrono::hours(1);
  EXPECT_TRUE(bucket.Full(now));
  EXPECT_TRUE(bucket.Take(now));
  EXPECT_TRUE(bucket.Take(now - std::chrono::minutes(1)));
  EXPECT_FALSE(bucket.Take(now));
}

}  // namespace
}  // namespace sluice::security

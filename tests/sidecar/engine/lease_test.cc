#include "sidecar/engine/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {
namespace {

TEST(GrantLease, FirstAndHolderKeepTheirEpoch) {
  EXPECT_EQ(GrantLease({}, "a", 0, false)->epoch, 1u);
  EXPECT_EQ(GrantLease({4, "a", 2}, "a", 2, true)->epoch, 4u);
  EXPECT_EQ(GrantLease({4, "a", 2}, "a", 3, true)->generation, 3u);
}

TEST(GrantLease, AnotherLiveInstanceIsRefused) {
  const auto lease = GrantLease({4, "a", 2}, "b", 2, true);
  EXPECT_EQ(ReasonOf(lease.status()), RefusalReason::kLeaseHeld);
  EXPECT_THAT(std::string(lease.status().message()), ::testing::HasSubstr("'a' holds the lease"));
}

TEST(GrantLease, AnotherInstanceTakesOver) {
  EXPECT_EQ(GrantLease({4, "a", 2}, "b", 2, false)->epoch, 5u);
  EXPECT_EQ(GrantLease({4, "a", 2}, "b", 3, true)->epoch, 5u);
  EXPECT_EQ(GrantLease({4, "a", 2}, "b", 0, false)->generation, 0u);
}

TEST(GrantLease, HolderMustNotGoBack) {
  EXPECT_EQ(ReasonOf(GrantLease({4, "a", 2}, "a", 1, true).status()), RefusalReason::kStale);
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/engine/refusal.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::sidecar {
namespace {

TEST(Refusal, EveryReasonSurvivesTheWayAsAStatus) {
  std::set<std::string> names;
  for (int number = 1; number <= 6; ++number) {
    const auto reason = static_cast<RefusalReason>(number);
    const absl::Status status = Refuse(reason, "field is 3");
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.message(), "field is 3");
    EXPECT_EQ(ReasonOf(status), reason) << number;
    names.insert(ReasonName(reason));
  }
  EXPECT_EQ(names.size(), 6u);
  EXPECT_EQ(ReasonName(RefusalReason::kLeaseHeld), "lease_held");
}

TEST(Refusal, AnErrorThatStandsForNoReasonIsMalformed) {
  EXPECT_EQ(ReasonOf(absl::InternalError("")), RefusalReason::kMalformed);
}

}  // namespace
}  // namespace sluice::sidecar

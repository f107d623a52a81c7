#include "worker/telemetry/directive_inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <thread>

#include "tests/worker/telemetry/make_snapshot.h"

namespace sluice::telemetry {
namespace {

using testing::HasSubstr;

TEST(DirectiveInboxTest, TheNewestWins) {
  DirectiveInbox inbox("r", {4}, 0);
  EXPECT_EQ(inbox.Take(), std::nullopt);
  EXPECT_FALSE(inbox.Offer(MakeDirective(1)).has_value());
  EXPECT_FALSE(inbox.Offer(MakeDirective(2)).has_value());
  EXPECT_EQ(inbox.Take(), MakeDirective(2));
  EXPECT_EQ(inbox.Take(), std::nullopt);
}

TEST(DirectiveInboxTest, ARollBackIsNotLostToWhatComesAfterIt) {
  DirectiveInbox inbox("r", {4}, 0);
  Directive back = MakeDirective(2);
  back.breaker_action = BreakerAction::kRollBack;
  inbox.Offer(MakeDirective(1));
  inbox.Offer(back);
  inbox.Offer(MakeDirective(3));
  inbox.Offer(MakeDirective(4));
  EXPECT_EQ(inbox.Take(), back);
  EXPECT_EQ(inbox.Take(), MakeDirective(4));
  EXPECT_EQ(inbox.Take(), std::nullopt);
}

TEST(DirectiveInboxTest, RefusesWhatIsNotAboveTheVersionInForce) {
  DirectiveInbox inbox("r", {4}, 5);
  const auto refused = inbox.Offer(MakeDirective(5));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->reason, RefusalReason::kStale);
  EXPECT_EQ(refused->version, 5u);
  EXPECT_THAT(refused->detail, HasSubstr("version is 5, expected more than 5"));
  inbox.Raise(7);
  EXPECT_TRUE(inbox.Offer(MakeDirective(7)).has_value());
  inbox.Raise(3);
  EXPECT_EQ(inbox.last_version(), 7u);
  EXPECT_FALSE(inbox.Offer(MakeDirective(8)).has_value());
}

TEST(DirectiveInboxTest, ARepeatedDirectiveIsNoNews) {
  DirectiveInbox inbox("r", {4}, 0);
  inbox.Offer(MakeDirective(1));
  inbox.Take();
  EXPECT_FALSE(inbox.Offer(MakeDirective(1)).has_value());
  EXPECT_EQ(inbox.Take(), std::nullopt);
  EXPECT_EQ(inbox.repeated(), 1u);
  Directive changed = MakeDirective(1);
  changed.rehearsal_share = 0.5;
  EXPECT_TRUE(inbox.Offer(changed).has_value());
}

TEST(DirectiveInboxTest, RefusesBadValuesAndKeepsTheLastGoodOne) {
  DirectiveInbox inbox("r", {4}, 0);
  inbox.Offer(MakeDirective(1));
  Directive nan = MakeDirective(2);
  nan.layers[0].threshold = std::numeric_limits<double>::quiet_NaN();
  Directive high = MakeDirective(2);
  high.layers[0].threshold = 1.5;
  Directive layer = MakeDirective(2);
  layer.layers[0].layer = 9;
  for (const Directive& bad : {nan, high, layer}) {
    const auto refused = inbox.Offer(bad);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->reason, RefusalReason::kOutOfRange);
    EXPECT_THAT(refused->detail, HasSubstr("layers[0]"));
  }
  Directive foreign = MakeDirective(2);
  foreign.run = "other";
  EXPECT_EQ(inbox.Offer(foreign)->reason, RefusalReason::kUnknown);
  EXPECT_EQ(inbox.last_version(), 1u);
  EXPECT_EQ(inbox.Take(), MakeDirective(1));
}

TEST(DirectiveInboxTest, UnderThreadsVersionsRiseAndTheLastArrives) {
  constexpr uint64_t kLast = 5000;
  DirectiveInbox inbox("r", {4}, 0);
  std::thread offering([&] {
    for (uint64_t version = 1; version <= kLast; ++version) inbox.Offer(MakeDirective(version));
  });
  uint64_t seen = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (seen < kLast && std::chrono::steady_clock::now() < deadline) {
    const auto taken = inbox.Take();
    if (!taken.has_value()) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_GT(taken->version, seen);
    seen = taken->version;
    EXPECT_EQ(*taken, MakeDirective(seen));
  }
  offering.join();
  EXPECT_EQ(seen, kLast);
}

}  // namespace
}  // namespace sluice::telemetry

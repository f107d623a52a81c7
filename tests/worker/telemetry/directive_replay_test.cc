#include "worker/telemetry/directive_replay.h"

#include <gtest/gtest.h>

#include "tests/worker/telemetry/make_snapshot.h"

namespace sluice::telemetry {
namespace {

std::vector<DecisionEntry> Entries() {
  return {{.step = 10, .generation = 0, .directive = MakeDirective(1)},
          {.step = 20, .generation = 0, .directive = MakeDirective(2)},
          {.step = 35, .generation = 1, .directive = MakeDirective(3)}};
}

TEST(DirectiveReplayTest, GivesEachDirectiveAtItsStepBehindTheStart) {
  const DirectiveReplay replay(Entries(), 15);
  EXPECT_EQ(replay.At(10), std::nullopt);
  EXPECT_EQ(replay.At(19), std::nullopt);
  EXPECT_EQ(replay.At(20), MakeDirective(2));
  EXPECT_EQ(replay.At(35), MakeDirective(3));
  EXPECT_EQ(replay.last_step(), 35u);
}

TEST(DirectiveReplayTest, AnEntryAtTheStartIsInForceAndNotReplayed) {
  const DirectiveReplay replay(Entries(), 20);
  EXPECT_EQ(replay.At(20), std::nullopt);
  EXPECT_EQ(replay.InForceAt(20), MakeDirective(2));
}

TEST(DirectiveReplayTest, SaysWhatIsInForce) {
  const DirectiveReplay replay(Entries(), 0);
  EXPECT_EQ(replay.InForceAt(9), std::nullopt);
  EXPECT_EQ(replay.InForceAt(10), MakeDirective(1));
  EXPECT_EQ(replay.InForceAt(34), MakeDirective(2));
  EXPECT_EQ(replay.InForceAt(1000), MakeDirective(3));
}

TEST(DirectiveReplayTest, AnEmptyLogGoesLiveAtOnce) {
  const DirectiveReplay replay({}, 7);
  EXPECT_EQ(replay.last_step(), 7u);
  EXPECT_EQ(replay.At(8), std::nullopt);
  EXPECT_EQ(replay.InForceAt(8), std::nullopt);
}

}  // namespace
}  // namespace sluice::telemetry

#include "sidecar/engine/seq_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace sluice::sidecar {
namespace {

TEST(SeqTracker, NothingIsDurableBeyondAGap) {
  SeqTracker seqs;
  EXPECT_TRUE(seqs.Take(1));
  EXPECT_TRUE(seqs.Take(3));
  EXPECT_EQ(seqs.durable(), 1u);
  EXPECT_TRUE(seqs.Take(2));
  EXPECT_EQ(seqs.durable(), 3u);
}

TEST(SeqTracker, DuplicatesAreKnown) {
  SeqTracker seqs(5);
  EXPECT_FALSE(seqs.Take(5));
  EXPECT_TRUE(seqs.Take(7));
  EXPECT_FALSE(seqs.Take(7));
}

TEST(SeqTracker, AnyOrderEndsAtTheLast) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::vector<uint64_t> order(SeqTracker::kGapPatience);
    for (size_t i = 0; i < order.size(); ++i) order[i] = i + 1;
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    SeqTracker seqs;
    for (uint64_t seq : order) EXPECT_TRUE(seqs.Take(seq)) << "seed " << seed;
    EXPECT_EQ(seqs.durable(), order.size()) << "seed " << seed;
  }
}

TEST(SeqTracker, AStreamThatBeginsLaterGivesUpWhatIsGone) {
  SeqTracker seqs(3);
  seqs.StartStream();
  EXPECT_TRUE(seqs.Take(10));
  EXPECT_EQ(seqs.durable(), 10u);
}

TEST(SeqTracker, AGapIsGivenUpAfterPatience) {
  SeqTracker seqs;
  for (uint64_t seq = 2; seq <= SeqTracker::kGapPatience + 1; ++seq) seqs.Take(seq);
  EXPECT_EQ(seqs.durable(), 0u);
  seqs.Take(SeqTracker::kGapPatience + 2);
  EXPECT_EQ(seqs.durable(), SeqTracker::kGapPatience + 2);
}

// A worker stops sending at 64 messages that are not acknowledged (PublisherConfig::max_in_flight).
TEST(SeqTracker, AGapIsGivenUpBeforeTheSenderRunsOutOfRoom) {
  SeqTracker seqs(7);
  const uint64_t oldest = 10;  // 8 and 9 will never come.
  uint64_t next = oldest;
  while (next < 200 && next - std::max(oldest, seqs.durable() + 1) < 64) seqs.Take(next++);
  EXPECT_EQ(next, 200u);
  EXPECT_EQ(seqs.durable(), 199u);
}

TEST(SeqTracker, OneMessageMayStandForSeveral) {
  SeqTracker tracker;
  tracker.StartStream();
  EXPECT_TRUE(tracker.Take(1, 4));
  EXPECT_EQ(tracker.durable(), 4u);
  EXPECT_FALSE(tracker.Take(2, 4));
  EXPECT_TRUE(tracker.Take(8, 9));  // 5 to 7 are missing.
  EXPECT_EQ(tracker.durable(), 4u);
  EXPECT_FALSE(tracker.Take(9));
  EXPECT_TRUE(tracker.Take(4, 7));
  EXPECT_EQ(tracker.durable(), 9u);
  // A stream may begin with such a message: what is before it was merged, too.
  tracker.StartStream();
  EXPECT_TRUE(tracker.Take(12, 15));
  EXPECT_EQ(tracker.durable(), 15u);
}

}  // namespace
}  // namespace sluice::sidecar

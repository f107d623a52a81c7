#include "sidecar/relay/lane_queue.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sidecar/wire/counters.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

v1::WorkerMessage Snapshot(uint64_t step) {
  v1::WorkerMessage message;
  message.mutable_identity()->set_run("r");
  message.mutable_identity()->set_seq(step);
  v1::GateSnapshot* snapshot = message.mutable_snapshot();
  snapshot->set_first_step(step);
  snapshot->set_last_step(step);
  CountersToProto(testing::CountersAt(step), snapshot->mutable_counters());
  snapshot->add_layers()->set_layer(testing::kLayer);
  return message;
}

v1::WorkerMessage Ended(uint64_t seq) {
  v1::WorkerMessage message;
  message.mutable_identity()->set_run("r");
  message.mutable_identity()->set_seq(seq);
  message.mutable_run_ended()->set_step(seq);
  return message;
}

class Queue : public ::testing::Test {
 protected:
  Queue() { queue_.SetWindow(10); }
  LaneQueue queue_;
};

TEST_F(Queue, ANewerSnapshotStandsForThoseThatWaited) {
  v1::WorkerMessage first = Snapshot(11);
  first.mutable_snapshot()->set_first_step(9);
  first.mutable_snapshot()->set_coalesced(2);
  queue_.Add(first);
  queue_.Add(Snapshot(12));
  queue_.Add(Snapshot(13));
  EXPECT_FALSE(queue_.urgent());
  ASSERT_EQ(queue_.size(), 1u);
  EXPECT_EQ(queue_.merged(), 2u);
  const v1::LaneRequest request = queue_.Pop();
  EXPECT_EQ(request.first_seq(), 11u);
  EXPECT_EQ(request.message().identity().seq(), 13u);
  const v1::GateSnapshot& snapshot = request.message().snapshot();
  EXPECT_EQ(snapshot.first_step(), 9u);
  EXPECT_EQ(snapshot.last_step(), 13u);
  EXPECT_EQ(snapshot.coalesced(), 4u);  // 2 of the rank, 2 of the relay.
  EXPECT_EQ(*CountersFromProto(snapshot.counters(), ""), testing::CountersAt(13));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.bytes(), 0u);
}

TEST_F(Queue, TheEndOfAWindowStaysAndIsUrgent) {
  queue_.Add(Snapshot(19));
  queue_.Add(Snapshot(20));
  EXPECT_TRUE(queue_.urgent());
  queue_.Add(Snapshot(21));
  ASSERT_EQ(queue_.size(), 2u);
  EXPECT_EQ(queue_.Pop().message().snapshot().last_step(), 20u);
  EXPECT_FALSE(queue_.urgent());
  EXPECT_EQ(queue_.Pop().first_seq(), 0u);
}

TEST_F(Queue, WhatWouldBeRefusedIsNotMergedAway) {
  v1::WorkerMessage bad = Snapshot(12);
  bad.mutable_snapshot()->set_loss(std::nan(""));
  queue_.Add(Snapshot(11));
  queue_.Add(bad);
  queue_.Add(Snapshot(13));
  EXPECT_EQ(queue_.size(), 3u);
}

TEST_F(Queue, NothingIsMergedAcrossEventsSendersOrGaps) {
  queue_.Add(Snapshot(11));
  queue_.Add(Ended(12));
  EXPECT_TRUE(queue_.urgent());
  queue_.Add(Snapshot(13));
  queue_.Add(Snapshot(15));  // 14 is missing.
  v1::WorkerMessage other = Snapshot(16);
  other.mutable_identity()->set_incarnation(7);
  queue_.Add(other);
  v1::WorkerMessage again = Snapshot(15);  // Older than what waits.
  again.mutable_identity()->set_incarnation(7);
  again.mutable_identity()->set_seq(17);
  queue_.Add(again);
  EXPECT_EQ(queue_.size(), 6u);
  EXPECT_EQ(queue_.merged(), 0u);
}

TEST(LaneQueue, BeforeTheWindowIsKnownAllIsUrgentAndNothingMerged) {
  LaneQueue queue;
  queue.Add(Snapshot(11));
  queue.Add(Snapshot(12));
  EXPECT_TRUE(queue.urgent());
  EXPECT_EQ(queue.size(), 2u);
}

}  // namespace
}  // namespace sluice::sidecar

#include "worker/telemetry/unacked_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/worker/telemetry/make_snapshot.h"

namespace sluice::telemetry {
namespace {

const GateSnapshot& SnapshotOf(const Outgoing* message) {
  return std::get<GateSnapshot>(message->body);
}

std::vector<uint64_t> SendAll(UnackedQueue& queue) {
  std::vector<uint64_t> seqs;
  while (const Outgoing* next = queue.Next()) seqs.push_back(next->seq);
  return seqs;
}

using Seqs = std::vector<uint64_t>;

TEST(UnackedQueueTest, NumbersFromOneAndForgetsWhatIsDurable) {
  UnackedQueue queue(QueueLimits{});
  for (uint64_t step = 1; step <= 3; ++step) queue.Add(MakeSnapshot(step), 10);
  EXPECT_EQ(SendAll(queue), (Seqs{1, 2, 3}));
  EXPECT_EQ(queue.in_flight(), 3u);
  EXPECT_TRUE(queue.Acknowledge(2));
  EXPECT_FALSE(queue.Acknowledge(2));
  EXPECT_EQ(queue.in_flight(), 1u);
  EXPECT_TRUE(queue.Acknowledge(1000));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.acknowledged(), 3u);
}

TEST(UnackedQueueTest, ANewStreamSendsAgainWhatIsNotDurableInOrder) {
  UnackedQueue queue(QueueLimits{});
  for (uint64_t step = 1; step <= 4; ++step) queue.Add(MakeSnapshot(step), 10);
  SendAll(queue);
  queue.Add(MakeSnapshot(5), 10);
  queue.Rewind(2);
  EXPECT_EQ(queue.in_flight(), 0u);
  EXPECT_EQ(SendAll(queue), (Seqs{3, 4, 5}));
  EXPECT_EQ(queue.resent(), 2u);
}

TEST(UnackedQueueTest, AReceiverThatLostItsStateGetsTheNewestDurableSnapshotAgain) {
  UnackedQueue queue(QueueLimits{});
  for (uint64_t step = 1; step <= 3; ++step) queue.Add(MakeSnapshot(step), 10);
  SendAll(queue);
  queue.Acknowledge(3);
  queue.Rewind(0);
  const Outgoing* next = queue.Next();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->seq, 3u);
  EXPECT_EQ(SnapshotOf(next).counters, MakeSnapshot(3).counters);
  EXPECT_EQ(queue.Next(), nullptr);
  queue.Acknowledge(3);
  queue.Rewind(3);
  EXPECT_TRUE(queue.empty());
}

TEST(UnackedQueueTest, TheWindowHoldsBackAndCoalescingLeavesNoGap) {
  UnackedQueue queue({.snapshots = 2, .events = 2, .in_flight = 2});
  uint64_t step = 0;
  while (step < 2) queue.Add(MakeSnapshot(++step), 10);
  EXPECT_EQ(SendAll(queue), (Seqs{1, 2}));
  while (step < 9) queue.Add(MakeSnapshot(++step), 10);
  EXPECT_EQ(SendAll(queue), Seqs{});
  EXPECT_EQ(queue.coalesced(), 5u);
  queue.Acknowledge(2);
  const GateSnapshot first = SnapshotOf(queue.Next());
  EXPECT_EQ(first.first_step, 3u);
  const GateSnapshot second = SnapshotOf(queue.Next());
  EXPECT_EQ(second.first_step, first.last_step + 1);
  EXPECT_EQ(second.last_step, 9u);
  EXPECT_EQ(first.coalesced + second.coalesced, 5u);
  EXPECT_EQ(second.counters, MakeSnapshot(9).counters);
}

TEST(UnackedQueueTest, EndsOfWindowsStayWhileThereIsRoom) {
  UnackedQueue queue({.snapshots = 4, .events = 2, .in_flight = 16});
  for (uint64_t step = 1; step <= 32; ++step) queue.Add(MakeSnapshot(step), 10);
  Seqs last_steps;
  while (const Outgoing* next = queue.Next()) last_steps.push_back(SnapshotOf(next).last_step);
  EXPECT_EQ(last_steps, (Seqs{10, 20, 30, 32}));
}

TEST(UnackedQueueTest, EventsStayInOrderAndAreNeverMerged) {
  UnackedQueue queue({.snapshots = 1, .events = 2, .in_flight = 16});
  queue.Add(MakeSnapshot(1), 10);
  EXPECT_TRUE(queue.Add(Event(CheckpointSaved{.step = 1, .name = "a"})));
  queue.Add(MakeSnapshot(2), 10);
  EXPECT_TRUE(queue.Add(Event(CheckpointSaved{.step = 2, .name = "b"})));
  EXPECT_FALSE(queue.Add(Event(CheckpointSaved{.step = 3, .name = "c"})));
  EXPECT_TRUE(queue.Add(Event(RunEnded{.step = 2})));
  std::vector<std::string> kinds;
  while (const Outgoing* next = queue.Next()) {
    if (const auto* event = std::get_if<Event>(&next->body)) {
      const auto* saved = std::get_if<CheckpointSaved>(event);
      kinds.push_back(saved != nullptr ? saved->name : "ended");
    } else {
      EXPECT_EQ(SnapshotOf(next).first_step, 1u);
      kinds.push_back("snapshot");
    }
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"a", "snapshot", "b", "ended"}));
}

TEST(UnackedQueueTest, ARefusedMessageIsNotSentAgain) {
  UnackedQueue queue(QueueLimits{});
  for (uint64_t step = 1; step <= 3; ++step) queue.Add(MakeSnapshot(step), 10);
  SendAll(queue);
  EXPECT_TRUE(queue.Refuse(2));
  EXPECT_FALSE(queue.Refuse(2));
  EXPECT_FALSE(queue.Refuse(17));
  queue.Rewind(0);
  EXPECT_EQ(SendAll(queue), (Seqs{1, 3}));
}

TEST(UnackedQueueTest, OfMapsThatWaitTheNewestIsKept) {
  UnackedQueue queue({.snapshots = 2, .events = 2, .in_flight = 8});
  EXPECT_TRUE(queue.Add(Event(TokenMap{.step = 1})));
  ASSERT_NE(queue.Next(), nullptr);  // Sent: it may be durable already.
  EXPECT_TRUE(queue.Add(Event(CheckpointSaved{.step = 2})));
  for (uint64_t step = 2; step <= 9; ++step) EXPECT_TRUE(queue.Add(Event(TokenMap{.step = step})));
  EXPECT_FALSE(queue.Add(Event(CheckpointSaved{.step = 3}))) << "the map takes a place";
  const auto event = [&queue]() -> const Event& { return std::get<Event>(queue.Next()->body); };
  EXPECT_EQ(std::get<CheckpointSaved>(event()).step, 2u);
  EXPECT_EQ(std::get<TokenMap>(event()).step, 9u);
  EXPECT_EQ(queue.Next(), nullptr);
  EXPECT_EQ(queue.in_flight(), 3u);
}

}  // namespace
}  // namespace sluice::telemetry

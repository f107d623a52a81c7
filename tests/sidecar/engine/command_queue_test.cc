#include "sidecar/engine/command_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace sluice::sidecar {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr seconds kQueuePatience{10};

Command Numbered(uint64_t seq) { return RejectedMessage{nullptr, seq, absl::OkStatus()}; }

std::vector<uint64_t> Numbers(const std::vector<Command>& commands) {
  std::vector<uint64_t> numbers;
  for (const Command& c : commands) numbers.push_back(std::get<RejectedMessage>(c).seq);
  return numbers;
}

TEST(CommandQueue, WhatFindsItFullIsParkedAndTakenLater) {
  CommandQueue queue(2);
  int taken = 0;
  const auto on_taken = [&taken] { ++taken; };
  EXPECT_TRUE(queue.Push(Numbered(1), on_taken));
  EXPECT_TRUE(queue.Push(Numbered(2), on_taken));
  EXPECT_FALSE(queue.Push(Numbered(3), on_taken));
  EXPECT_FALSE(queue.TryPush(Numbered(9)));
  queue.PushAlways(Numbered(4));  // Not before what was parked.
  EXPECT_EQ(queue.size(), 4u);
  EXPECT_THAT(Numbers(queue.Drain(1, milliseconds(0))), ElementsAre(1));
  EXPECT_EQ(taken, 1);
  EXPECT_THAT(Numbers(queue.Drain(10, milliseconds(0))), ElementsAre(2, 3));
  EXPECT_THAT(Numbers(queue.Drain(10, milliseconds(0))), ElementsAre(4));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(taken, 1);  // Not for those that were taken at once.
}

TEST(CommandQueue, SeveralAreTakenOrParkedTogether) {
  CommandQueue queue(2);
  int taken = 0;
  const auto on_taken = [&taken] { ++taken; };
  const auto several = [](uint64_t first) {
    return std::vector<Command>{Numbered(first), Numbered(first + 1), Numbered(first + 2)};
  };
  EXPECT_TRUE(queue.Push(several(1), on_taken));
  EXPECT_FALSE(queue.Push(several(4), on_taken));
  EXPECT_EQ(queue.size(), 6u);
  EXPECT_THAT(Numbers(queue.Drain(2, milliseconds(0))), ElementsAre(1, 2));
  EXPECT_EQ(taken, 1);
  EXPECT_THAT(Numbers(queue.Drain(10, milliseconds(0))), ElementsAre(3, 4, 5, 6));
  EXPECT_TRUE(queue.Push(several(7), on_taken));
  EXPECT_FALSE(queue.Push(several(10), on_taken));
  EXPECT_THAT(Numbers(queue.Close()), ElementsAre(7, 8, 9, 10, 11, 12));
}

TEST(CommandQueue, WakeEndsTheWaitAndCloseGivesBackTheRest) {
  CommandQueue queue(1);
  std::thread waker([&queue] { queue.Wake(); });
  EXPECT_THAT(queue.Drain(1, kQueuePatience), IsEmpty());
  waker.join();
  queue.Push(Numbered(1), [] {});
  queue.Push(Numbered(2), [] {});
  EXPECT_THAT(Numbers(queue.Close()), ElementsAre(1, 2));
  EXPECT_FALSE(queue.TryPush(Numbered(3)));
}

TEST(CommandQueue, NothingIsLostOrSwappedBetweenManyProducers) {
  constexpr uint64_t kProducers = 4;
  constexpr uint64_t kEach = 1000;
  CommandQueue queue(8);
  std::vector<std::thread> producers;
  for (uint64_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&queue, p] {
      for (uint64_t i = 1; i <= kEach; ++i) {
        absl::Notification taken;
        if (!queue.Push(Numbered(p * kEach + i), [&taken] { taken.Notify(); })) {
          EXPECT_TRUE(taken.WaitForNotificationWithTimeout(absl::Seconds(10)));
        }
      }
    });
  }
  std::map<uint64_t, uint64_t> newest;
  uint64_t total = 0;
  const auto end = std::chrono::steady_clock::now() + kQueuePatience;
  while (total < kProducers * kEach && std::chrono::steady_clock::now() < end) {
    const auto batch = Numbers(queue.Drain(16, seconds(1)));
    EXPECT_LE(queue.size(), 8 + kProducers);
    for (const uint64_t number : batch) {
      const uint64_t producer = (number - 1) / kEach;
      EXPECT_EQ(number - producer * kEach, ++newest[producer]);
    }
    total += batch.size();
  }
  EXPECT_EQ(total, kProducers * kEach);
  for (std::thread& producer : producers) producer.join();
}

}  // namespace
}  // namespace sluice::sidecar

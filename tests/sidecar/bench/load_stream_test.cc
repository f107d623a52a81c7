#include "sidecar/bench/load_stream.h"

#include <gtest/gtest.h>

#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar {
namespace {

constexpr char kNobody[] = "127.0.0.1:1";  // A port that no program of ours gets.

// Of all ranks together.
uint64_t AckedOf(LoadStream& stream) {
  uint64_t acked = 0;
  stream.Visit([&](const LoadRank& rank) { acked += rank.acked(); });
  return acked;
}

uint64_t SentOf(LoadStream& stream) {
  uint64_t sent = 0;
  stream.Visit([&](const LoadRank& rank) { sent += rank.sent(); });
  return sent;
}

class LoadStreamTest : public ::testing::Test {
 protected:
  // The only rank of the run, once it is heard.
  std::unique_ptr<LoadStream> OpenAlone(LoadState* state) {
    auto stream = OpenRank(sidecar_.grpc(), "r", 0, state);
    EXPECT_TRUE(WaitUntil([&] { return state->greeted == 1; }));
    return stream;
  }

  TemporaryFolder folder_;
  testing::SidecarProcess sidecar_{folder_.path() + "/state"};
};

TEST_F(LoadStreamTest, SendsTheStepsThatItMayAndHearsThatTheyAreDurable) {
  LoadState state(1, 1000);
  const auto stream = OpenRank(sidecar_.grpc(), "r", 0, &state);
  EXPECT_TRUE(WaitUntil([&] { return state.greeted == 1; }));
  EXPECT_EQ(AckedOf(*stream), 0u) << "no step is allowed yet";
  state.allowed = 45;
  stream->Pump();
  EXPECT_TRUE(WaitUntil([&] { return AckedOf(*stream) == 45; }));
  state.allowed = 50;
  stream->Pump();
  EXPECT_TRUE(WaitUntil([&] { return AckedOf(*stream) == 50; }));
  // A newer directive may take the place of one that is not written yet.
  EXPECT_TRUE(WaitUntil([&] { return state.directives > 0; }));
  EXPECT_EQ(SentOf(*stream), 50u);
  EXPECT_EQ(state.acked, 50u);
  EXPECT_EQ(state.refused, 0u);
  stream->Close();
}

TEST_F(LoadStreamTest, ARelayHasItsRanksOnOneStream) {
  LoadState state(5, 1000);
  const auto alone = OpenRank(sidecar_.grpc(), "r", 0, &state);
  const auto relay = OpenRelay(sidecar_.grpc(), "r", 1, 4, &state);
  EXPECT_TRUE(WaitUntil([&] { return state.greeted == 5; }));
  state.allowed = 45;
  EXPECT_TRUE(WaitUntil([&] {
    alone->Pump();
    relay->Pump();
    return AckedOf(*alone) == 45 && AckedOf(*relay) == 4 * 45;
  }));
  std::vector<uint32_t> ranks;
  relay->Visit([&](const LoadRank& rank) {
    ranks.push_back(rank.rank());
    EXPECT_EQ(rank.sent(), 45u);
  });
  EXPECT_EQ(ranks, (std::vector<uint32_t>{1, 2, 3, 4}));
  EXPECT_TRUE(WaitUntil([&] { return state.directives > 0; }));
  EXPECT_EQ(state.acked, 5u * 45u);
  EXPECT_EQ(state.refused, 0u);
  relay->Close();
  alone->Close();
}

TEST_F(LoadStreamTest, ALaneThatIsRefusedIsCounted) {
  LoadState one(1, 1000), two(2, 1000);
  const auto first = OpenAlone(&one);
  const auto second = OpenRelay(sidecar_.grpc(), "r", 1, 1, &two);
  EXPECT_TRUE(WaitUntil([&] { return two.refused > 0; }));
  EXPECT_EQ(two.greeted, 0u);
  second->Close();
  first->Close();
}

TEST_F(LoadStreamTest, ARankThatIsRefusedSendsNothing) {
  LoadState one(1, 1000), two(2, 1000);
  const auto first = OpenAlone(&one);
  two.allowed = 50;
  const auto second = OpenRank(sidecar_.grpc(), "r", 1, &two);  // Says that there are two ranks.
  EXPECT_TRUE(WaitUntil([&] { return two.refused == 1; }));
  second->Pump();
  EXPECT_EQ(SentOf(*second), 0u);
  EXPECT_EQ(two.greeted, 0u);
  second->Close();
  first->Close();
}

TEST_F(LoadStreamTest, WhatADeadSidecarIsSentIsBoundedAndNotAcknowledged) {
  LoadState state(1, 10);
  const auto stream = OpenRank(sidecar_.grpc(), "r", 0, &state);
  state.allowed = 20;
  EXPECT_TRUE(WaitUntil([&] {
    stream->Pump();
    return AckedOf(*stream) == 20;
  }));
  sidecar_.Kill();
  state.allowed = UINT64_MAX;
  for (int i = 0; i < 100; ++i) stream->Pump();
  EXPECT_LE(SentOf(*stream), 30u);
  EXPECT_EQ(AckedOf(*stream), 20u);
  stream->Close();
}

TEST(LoadStreamAlone, WithoutASidecarItCanBePumpedAndClosed) {
  LoadState state(1, 1000);
  state.allowed = 100;
  const auto stream = OpenRank(kNobody, "r", 0, &state);
  for (int i = 0; i < 100; ++i) stream->Pump();
  EXPECT_EQ(AckedOf(*stream), 0u);
  EXPECT_EQ(SentOf(*stream), 0u);
  stream->Close();
}

}  // namespace
}  // namespace sluice::sidecar

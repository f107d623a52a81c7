#include "sidecar/bench/load_stream.h"

#include <gtest/gtest.h>

#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar {
namespace {

constexpr char kNobody[] = "127.0.0.1:1";  // A port that no program of ours gets.

class LoadStreamTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  testing::SidecarProcess sidecar_{folder_.path() + "/state"};
};

TEST_F(LoadStreamTest, SendsTheStepsThatItMayAndHearsThatTheyAreDurable) {
  LoadState state(1, 1000);
  LoadStream stream(sidecar_.grpc(), "r", 0, &state);
  EXPECT_TRUE(WaitUntil([&] { return state.greeted == 1; }));
  EXPECT_EQ(stream.Acked(), 0u) << "no step is allowed yet";
  state.allowed = 45;
  stream.Pump();
  EXPECT_TRUE(WaitUntil([&] { return stream.Acked() == 45; }));
  state.allowed = 50;
  stream.Pump();
  EXPECT_TRUE(WaitUntil([&] { return stream.Acked() == 50; }));
  // A newer directive may take the place of one that is not written yet.
  EXPECT_TRUE(WaitUntil([&] { return state.directives > 0; }));
  Counters sent;
  stream.AddSent(sent);
  EXPECT_EQ(sent, LoadCounters(50));
  stream.AddSent(sent);  // It adds.
  EXPECT_EQ(sent.steps, 100u);
  EXPECT_EQ(state.acked, 50u);
  EXPECT_EQ(state.refused, 0u);
  stream.Close();
}

TEST_F(LoadStreamTest, ARankThatIsRefusedSendsNothing) {
  LoadState one(1, 1000), two(2, 1000);
  LoadStream first(sidecar_.grpc(), "r", 0, &one);
  EXPECT_TRUE(WaitUntil([&] { return one.greeted == 1; }));
  two.allowed = 50;
  LoadStream second(sidecar_.grpc(), "r", 1, &two);  // Says that there are two ranks.
  EXPECT_TRUE(WaitUntil([&] { return two.refused == 1; }));
  second.Pump();
  Counters sent;
  second.AddSent(sent);
  EXPECT_EQ(sent.steps, 0u);
  EXPECT_EQ(two.greeted, 0u);
  second.Close();
  first.Close();
}

TEST_F(LoadStreamTest, WhatADeadSidecarIsSentIsBoundedAndNotAcknowledged) {
  LoadState state(1, 10);
  LoadStream stream(sidecar_.grpc(), "r", 0, &state);
  state.allowed = 20;
  EXPECT_TRUE(WaitUntil([&] {
    stream.Pump();
    return stream.Acked() == 20;
  }));
  sidecar_.Kill();
  state.allowed = UINT64_MAX;
  for (int i = 0; i < 100; ++i) stream.Pump();
  Counters sent;
  stream.AddSent(sent);
  EXPECT_LE(sent.steps, 30u);
  EXPECT_EQ(stream.Acked(), 20u);
  stream.Close();
}

TEST(LoadStreamAlone, WithoutASidecarItCanBePumpedAndClosed) {
  LoadState state(1, 1000);
  state.allowed = 100;
  LoadStream stream(kNobody, "r", 0, &state);
  for (int i = 0; i < 100; ++i) stream.Pump();
  EXPECT_EQ(stream.Acked(), 0u);
  Counters sent;
  stream.AddSent(sent);
  EXPECT_EQ(sent, LoadCounters(0));
  stream.Close();
}

}  // namespace
}  // namespace sluice::sidecar

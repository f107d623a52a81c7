#include "sidecar/relay/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/ingest/command_of.h"
#include "tests/sidecar/relay/fake_stream.h"
#include "tests/sidecar/testing/examples.h"

namespace sluice::sidecar {
namespace {

// Without an upstream: nobody listens there.
class RelayAlone : public ::testing::Test {
 protected:
  RelayAlone() { options_.upstream = "127.0.0.1:1"; }
  // Takes the example's message number `i` as that of number `seq`.
  bool Take(Relay& relay, size_t i, uint64_t seq = 0, const absl::Status& turn = absl::OkStatus()) {
    v1::WorkerMessage message = testing::ExampleMessages()[i];
    message.mutable_identity()->set_seq(seq);
    return relay.Take(stream_.port, message, turn);
  }

  RelayOptions options_;
  testing::FakeStream stream_;
};

TEST_F(RelayAlone, ARankIsReadUntilMuchWaits) {
  Relay relay(options_);
  ASSERT_TRUE(Take(relay, 0));
  EXPECT_EQ(relay.Stats().ranks, 1u);
  uint64_t taken = 1;
  while (taken < 1000 && Take(relay, 1, taken)) ++taken;
  // Nothing is merged before the upstream has said how long a window is.
  EXPECT_EQ(taken, 63u);
  const RelayStats stats = relay.Stats();
  EXPECT_EQ(stats.messages, 64u);
  EXPECT_EQ(stats.forwarded, 0u);
  EXPECT_FALSE(stats.connected);
  EXPECT_GT(stats.waiting_bytes, 64u * 100u);
}

TEST_F(RelayAlone, LargeMessagesFillItEarlier) {
  Relay relay(options_);
  auto hello = testing::ExampleMessages()[0];
  hello.mutable_hello()->set_program_version(std::string(300 * 1024, 'v'));
  EXPECT_FALSE(relay.Take(stream_.port, hello, absl::OkStatus()));
  EXPECT_FALSE(stream_.has_ended());
}

TEST_F(RelayAlone, WhatTheUpstreamWouldNotTakeEndsItsOwnStream) {
  options_.message_bytes = 2048;
  Relay relay(options_);
  ASSERT_TRUE(Take(relay, 0));
  auto large = testing::ExampleMessages().back();
  // Fits by itself, but not with the lane's number.
  large.mutable_run_ended()->set_error(std::string(2048, 'x'));
  while (large.ByteSizeLong() > 2048) large.mutable_run_ended()->mutable_error()->pop_back();
  EXPECT_FALSE(relay.Take(stream_.port, large, absl::OkStatus()));
  EXPECT_EQ(stream_.End().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(RelayAlone, AStreamBeginsWithHello) {
  Relay relay(options_);
  EXPECT_FALSE(Take(relay, 1));
  EXPECT_EQ(stream_.End().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(relay.Stats().messages, 0u);
}

TEST_F(RelayAlone, OneThatSaidNothingEndsAsItLikes) {
  Relay relay(options_);
  relay.Closed(stream_.port);
  EXPECT_TRUE(stream_.End().ok());
}

// What it has said was not passed on: it must not take the end for an answer.
TEST_F(RelayAlone, OneThatWasNotHeardIsToldSo) {
  Relay relay(options_);
  ASSERT_TRUE(Take(relay, 0));
  relay.Closed(stream_.port);
  EXPECT_EQ(stream_.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(relay.Stats().ranks, 0u);
  EXPECT_EQ(relay.Stats().waiting_bytes, 0u);
  relay.Closed(stream_.port);  // Once more, when gRPC is done with it.
}

TEST_F(RelayAlone, ARankBeyondItsRateIsReadALittleLater) {
  options_.turn = std::chrono::milliseconds(30);
  Relay relay(options_);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(Take(relay, 0, 0, OverRate(33)));
  EXPECT_TRUE(WaitUntil([this] { return stream_.reads() == 1; }, std::chrono::seconds(10)));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, options_.turn);
  EXPECT_EQ(relay.Stats().messages, 1u);
}

TEST_F(RelayAlone, ItsHeartBeatsWithoutWork) {
  Relay relay(options_);
  EXPECT_TRUE(WaitUntil([&] { return relay.SinceHeartbeat() > std::chrono::milliseconds(20); },
                        std::chrono::seconds(10)));
  EXPECT_TRUE(WaitUntil([&] { return relay.SinceHeartbeat() < std::chrono::milliseconds(20); },
                        std::chrono::seconds(10)));
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/ingest/command_of.h"

#include <gtest/gtest.h>

#include "tests/sidecar/testing/examples.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

TEST(CommandOf, AGoodMessageIsTakenWithItsRange) {
  const auto sink = std::make_shared<testing::FakeSink>();
  v1::WorkerMessage message = testing::ExampleMessages()[1];
  message.mutable_identity()->set_seq(5000);
  const Command command = CommandOf(sink, message, absl::OkStatus(), 905);
  const auto* taken = std::get_if<StreamMessage>(&command);
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->sink, sink);
  EXPECT_EQ(taken->message.identity.seq, 5000u);
  EXPECT_EQ(taken->message.identity.first(), 905u);
  const Command alone = CommandOf(sink, message, absl::OkStatus());
  EXPECT_EQ(std::get<StreamMessage>(alone).message.identity.first(), 5000u);
}

TEST(CommandOf, ARangeThatNoRelayMakesIsRefused) {
  v1::WorkerMessage message = testing::ExampleMessages()[1];
  message.mutable_identity()->set_seq(5000);
  for (uint64_t first : {uint64_t{5001}, uint64_t{904}, uint64_t{1}}) {
    const Command command = CommandOf(nullptr, message, absl::OkStatus(), first);
    const auto* rejected = std::get_if<RejectedMessage>(&command);
    ASSERT_NE(rejected, nullptr) << first;
    EXPECT_EQ(ReasonOf(rejected->why), RefusalReason::kMalformed);
    EXPECT_EQ(rejected->seq, 5000u);
    EXPECT_EQ(rejected->first_seq, 0u);
  }
}

TEST(CommandOf, WhatIsBeyondTheRateIsRefusedUnderItsNumber) {
  v1::WorkerMessage message = testing::ExampleMessages()[1];
  message.mutable_identity()->set_seq(7);
  const auto limited = std::get<RejectedMessage>(CommandOf(nullptr, message, OverRate(10), 5));
  EXPECT_EQ(ReasonOf(limited.why), RefusalReason::kLimit);
  EXPECT_EQ(limited.why.message(), "more than 10 messages in a second");
  EXPECT_EQ(limited.seq, 7u);
  EXPECT_EQ(limited.first_seq, 5u);
  // What is bad as well is told so.
  message.clear_body();
  const auto bad = std::get<RejectedMessage>(CommandOf(nullptr, message, OverRate(10)));
  EXPECT_NE(ReasonOf(bad.why), RefusalReason::kLimit);
}

TEST(CommandOf, ANumberThatIsItselfOutOfRangeNumbersNothing) {
  v1::WorkerMessage message = testing::ExampleMessages()[1];
  message.mutable_identity()->set_seq(~uint64_t{0});
  const Command command = CommandOf(nullptr, message, absl::OkStatus(), ~uint64_t{0} - 1);
  EXPECT_EQ(std::get<RejectedMessage>(command).seq, 0u);
  EXPECT_EQ(std::get<RejectedMessage>(command).first_seq, 0u);
}

}  // namespace
}  // namespace sluice::sidecar

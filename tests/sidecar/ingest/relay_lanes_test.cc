#include "sidecar/ingest/relay_lanes.h"

#include <gtest/gtest.h>

#include "tests/sidecar/testing/examples.h"

namespace sluice::sidecar {
namespace {

class RelayLanesTest : public ::testing::Test {
 protected:
  v1::LaneRequest* Add(uint64_t lane) {
    v1::LaneRequest* entry = request_.add_lanes();
    entry->set_lane(lane);
    return entry;
  }
  void AddMessage(uint64_t lane, size_t example, uint64_t first_seq = 0) {
    v1::LaneRequest* entry = Add(lane);
    *entry->mutable_message() = testing::ExampleMessages()[example];
    entry->set_first_seq(first_seq);
  }
  std::vector<Command> Take() {
    std::vector<Command> commands;
    const absl::Status status = lanes_.Take(request_, now_, commands);
    EXPECT_TRUE(status.ok()) << status;
    request_.Clear();
    return commands;
  }
  // The request ends the stream.
  void ExpectNoProtocol() {
    std::vector<Command> commands;
    EXPECT_EQ(lanes_.Take(request_, now_, commands).code(), absl::StatusCode::kInvalidArgument);
    request_.Clear();
  }
  // The ends of lanes that were written, by lane; a write that is under way is done first.
  std::vector<std::pair<uint64_t, v1::LaneEnd>> Ends() {
    while (driver_.written < driver_.writes.size()) {
      ++driver_.written;
      port_->OnWriteDone(true);
    }
    std::vector<std::pair<uint64_t, v1::LaneEnd>> ends;
    for (const v1::RelayResponse& write : std::exchange(driver_.writes, {})) {
      for (const auto& lane : write.lanes()) {
        if (lane.has_ended()) ends.emplace_back(lane.lane(), lane.ended());
      }
    }
    driver_.written = 0;
    return ends;
  }

  struct Driver final : RelayDriver {
    void DriveWrite(const v1::RelayResponse* response) override { writes.push_back(*response); }
    void DriveRead() override {}
    void DriveFinish(const grpc::Status&) override {}
    std::vector<v1::RelayResponse> writes;
    size_t written = 0;
  };

  static constexpr StreamLimits kLimits{.lanes = 4, .messages_per_second = 100.0};
  const std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  v1::RelayRequest request_;
  Driver driver_;
  security::RefusalTally tally_;
  std::shared_ptr<RelayPort> port_ = std::make_shared<RelayPort>(&driver_, kLimits.lanes);
  RelayLanes lanes_{port_, {"relay", {{security::Role::kWorker, "run-1", "0"}}}, kLimits, &tally_};
};

TEST_F(RelayLanesTest, EachLaneHasASinkOfItsOwnUntilItEnds) {
  AddMessage(1, 0);
  AddMessage(2, 0);
  AddMessage(1, 1, 1);
  Add(1)->set_ended(true);
  const auto commands = Take();
  ASSERT_EQ(commands.size(), 4u);
  const auto& first = std::get<StreamMessage>(commands[0]);
  const auto& third = std::get<StreamMessage>(commands[2]);
  EXPECT_NE(first.sink, std::get<StreamMessage>(commands[1]).sink);
  EXPECT_EQ(first.sink, third.sink);
  EXPECT_EQ(third.message.identity.first_seq, 1u);
  EXPECT_EQ(std::get<StreamClosed>(commands[3]).sink, first.sink);
  // Late words of a lane that has ended are left out, and it is not opened again.
  AddMessage(1, 1);
  Add(1)->set_ended(true);
  EXPECT_TRUE(Take().empty());
  const auto ends = Ends();  // An end has its answer even so.
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].first, 1u);
  EXPECT_EQ(ends[0].second.code(), 0u);
  const auto rest = lanes_.CloseAll();
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(std::get<StreamClosed>(rest[0]).sink, std::get<StreamMessage>(commands[1]).sink);
}

TEST_F(RelayLanesTest, ABadMessageIsRejectedWithItsRange) {
  AddMessage(1, 1, 1);
  request_.mutable_lanes(0)->mutable_message()->mutable_snapshot()->set_learning_rate(-1.0);
  const auto commands = Take();
  ASSERT_EQ(commands.size(), 1u);
  const auto& rejected = std::get<RejectedMessage>(commands[0]);
  EXPECT_EQ(ReasonOf(rejected.why), RefusalReason::kOutOfRange);
  EXPECT_EQ(rejected.seq, 1u);
  EXPECT_EQ(rejected.first_seq, 1u);
  // A range that no relay can have made would keep the sidecar busy.
  AddMessage(1, 1, 1);
  request_.mutable_lanes(0)->mutable_message()->mutable_identity()->set_seq(uint64_t{1} << 60);
  const auto large = Take();
  EXPECT_EQ(ReasonOf(std::get<RejectedMessage>(large[0]).why), RefusalReason::kMalformed);
  EXPECT_EQ(std::get<RejectedMessage>(large[0]).first_seq, 0u);
}

TEST_F(RelayLanesTest, WhatIsNotTheProtocolEndsTheStream) {
  AddMessage(0, 0);
  ExpectNoProtocol();
  Add(1);
  ExpectNoProtocol();
  for (int i = 0; i <= RelayLanes::kMostEntries; ++i) AddMessage(1, 0);
  ExpectNoProtocol();
}

// A lane that was closed on the way to the error is the engine's to know.
TEST_F(RelayLanesTest, WhatWasDoneBeforeAnErrorCounts) {
  AddMessage(1, 0);
  const auto opened = Take();
  Add(1)->set_ended(true);
  Add(2);
  std::vector<Command> commands;
  EXPECT_FALSE(lanes_.Take(request_, now_, commands).ok());
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(std::get<StreamClosed>(commands[0]).sink, std::get<StreamMessage>(opened[0]).sink);
}

TEST_F(RelayLanesTest, LanesHaveALimit) {
  for (uint64_t lane = 1; lane <= kLimits.lanes + 1; ++lane) AddMessage(lane, 0);
  EXPECT_EQ(Take().size(), kLimits.lanes);
  const auto ends = Ends();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].first, kLimits.lanes + 1);
  EXPECT_EQ(ends[0].second.code(), static_cast<uint32_t>(grpc::StatusCode::RESOURCE_EXHAUSTED));
  EXPECT_EQ(tally_.Counts().at("stream_limit"), 1u);
  // A place that is given back is another's.
  Add(1)->set_ended(true);
  AddMessage(kLimits.lanes + 2, 0);
  EXPECT_EQ(Take().size(), 2u);
}

TEST_F(RelayLanesTest, AStrangersLaneEndsAndTheOthersGoOn) {
  AddMessage(1, 0);
  AddMessage(2, 0);
  request_.mutable_lanes(1)->mutable_message()->mutable_identity()->set_rank(1);
  AddMessage(1, 1);
  const auto commands = Take();
  // The engine is told of the end of what it never heard of, which does nothing.
  ASSERT_EQ(commands.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<StreamClosed>(commands[1]));
  EXPECT_EQ(std::get<StreamMessage>(commands[0]).sink, std::get<StreamMessage>(commands[2]).sink);
  auto ends = Ends();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].first, 2u);
  EXPECT_EQ(ends[0].second.code(), static_cast<uint32_t>(grpc::StatusCode::PERMISSION_DENIED));
  EXPECT_EQ(ends[0].second.why(), "relay may not speak for run 'run-1' rank 1");
  // Nor later, on a lane that is its own.
  AddMessage(1, 1);
  request_.mutable_lanes(0)->mutable_message()->mutable_identity()->set_run("other");
  EXPECT_EQ(std::get<StreamClosed>(Take().at(0)).sink, std::get<StreamMessage>(commands[0]).sink);
  EXPECT_EQ(Ends().size(), 1u);
  EXPECT_EQ(tally_.Counts().at("permission_denied"), 2u);
}

TEST_F(RelayLanesTest, EachLaneHasTheRateOfAStream) {
  for (int i = 0; i < 201; ++i) AddMessage(1, 0);
  AddMessage(2, 0);
  const auto commands = Take();
  ASSERT_EQ(commands.size(), 202u);
  EXPECT_TRUE(std::holds_alternative<StreamMessage>(commands[199]));
  EXPECT_EQ(ReasonOf(std::get<RejectedMessage>(commands[200]).why), RefusalReason::kLimit);
  EXPECT_TRUE(std::holds_alternative<StreamMessage>(commands[201]));
}

}  // namespace
}  // namespace sluice::sidecar

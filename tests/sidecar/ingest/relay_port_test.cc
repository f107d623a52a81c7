#include "sidecar/ingest/relay_port.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace sluice::sidecar {
namespace {

// Notes what the port asks for; a write stays under way until the test ends it.
struct FakeRelayDriver : RelayDriver {
  void DriveWrite(const v1::RelayResponse* response) override { writes.push_back(*response); }
  void DriveRead() override { ++reads; }
  void DriveFinish(const grpc::Status& status) override {
    EXPECT_FALSE(finish.has_value());
    finish = status;
  }

  std::vector<v1::RelayResponse> writes;
  int reads = 0;
  std::optional<grpc::Status> finish;
};

class Lanes : public ::testing::Test {
 protected:
  FakeRelayDriver driver_;
  std::shared_ptr<RelayPort> port_ = std::make_shared<RelayPort>(&driver_, 2);
  LaneSink one_{port_, 1};
  LaneSink two_{port_, 2};
};

TEST_F(Lanes, AWriteTakesAllThatWaitsAndTheNewestAckOfEachLane) {
  one_.Reply({});
  ASSERT_EQ(driver_.writes.size(), 1u);
  one_.Ack(1);
  two_.Ack(5);
  two_.Refuse(6, RefusalReason::kStale, "old");
  one_.Ack(2);
  two_.Push({});
  port_->OnWriteDone(true);
  ASSERT_EQ(driver_.writes.size(), 2u);
  const auto& lanes = driver_.writes[1].lanes();
  ASSERT_EQ(lanes.size(), 4);
  EXPECT_EQ(lanes[0].lane(), 1u);
  EXPECT_EQ(lanes[0].message().ack().durable_seq(), 2u);
  EXPECT_EQ(lanes[1].message().ack().durable_seq(), 5u);
  EXPECT_TRUE(lanes[2].message().has_refusal());
  EXPECT_TRUE(lanes[3].message().has_directive());
  port_->OnWriteDone(true);
  one_.Ack(3);  // The one that was sent is not touched.
  ASSERT_EQ(driver_.writes.size(), 3u);
  EXPECT_EQ(driver_.writes[2].lanes(0).message().ack().durable_seq(), 3u);
}

TEST_F(Lanes, AnEndSaysWhy) {
  one_.End();
  port_->OnWriteDone(true);
  two_.Close("another");
  EXPECT_EQ(driver_.writes[0].lanes(0).what_case(), v1::LaneResponse::kEnded);
  EXPECT_EQ(driver_.writes[0].lanes(0).ended().code(), 0u);
  EXPECT_EQ(driver_.writes[1].lanes(0).ended().code(),
            static_cast<uint32_t>(grpc::StatusCode::FAILED_PRECONDITION));
  EXPECT_EQ(driver_.writes[1].lanes(0).ended().why(), "another");
}

TEST_F(Lanes, TheStreamEndsBehindWhatWaits) {
  one_.Ack(1);
  two_.Ack(1);
  port_->Finish(grpc::Status::OK);
  one_.Ack(2);  // Too late.
  EXPECT_FALSE(driver_.finish.has_value());
  port_->OnWriteDone(true);
  port_->OnWriteDone(true);
  ASSERT_EQ(driver_.writes.size(), 2u);
  EXPECT_TRUE(driver_.finish.has_value() && driver_.finish->ok());
  port_->Read();
  EXPECT_EQ(driver_.reads, 0);
}

TEST_F(Lanes, ARelayThatDoesNotReadIsCutOff) {
  for (size_t i = 0; i <= 2 * RelayPort::kQueuedPerLane + 1; ++i) {
    one_.Refuse(i, RefusalReason::kStale, "");
  }
  port_->OnWriteDone(true);
  ASSERT_TRUE(driver_.finish.has_value());
  EXPECT_EQ(driver_.finish->error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  one_.Ack(1);  // Nobody is there any more.
}

TEST_F(Lanes, AfterDetachTheDriverIsLeftAlone) {
  port_->Detach();
  one_.Ack(1);
  port_->Finish(grpc::Status::OK);
  EXPECT_TRUE(driver_.writes.empty());
  EXPECT_FALSE(driver_.finish.has_value());
}

}  // namespace
}  // namespace sluice::sidecar

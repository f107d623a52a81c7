#include "sidecar/ingest/stream_port.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace sluice::sidecar {
namespace {

// Notes what the port asks for; a write stays under way until the test ends it.
struct FakeDriver : StreamDriver {
  void DriveWrite(const v1::SidecarMessage* message) override { writes.push_back(*message); }
  void DriveRead() override { ++reads; }
  void DriveFinish(const grpc::Status& status) override {
    EXPECT_FALSE(finish.has_value());
    finish = status;
  }

  std::vector<v1::SidecarMessage> writes;
  int reads = 0;
  std::optional<grpc::Status> finish;
};

class Port : public ::testing::Test {
 protected:
  Directive Version(uint64_t version) {
    Directive directive;
    directive.version = version;
    return directive;
  }
  FakeDriver driver_;
  StreamPort port_{&driver_};
};

TEST_F(Port, OneWriteAtATimeAndOnlyTheNewestAckAndDirectiveWait) {
  port_.Reply({});
  port_.Ack(1);
  port_.Refuse(2, RefusalReason::kStale, "old");
  port_.Push(Version(1));
  port_.Ack(3);
  port_.Push(Version(2));
  port_.Refuse(4, RefusalReason::kLimit, "much");
  ASSERT_EQ(driver_.writes.size(), 1u);
  for (int i = 0; i < 5; ++i) port_.OnWriteDone(true);
  ASSERT_EQ(driver_.writes.size(), 5u);
  EXPECT_TRUE(driver_.writes[0].has_hello_reply());
  EXPECT_EQ(driver_.writes[1].ack().durable_seq(), 3u);
  EXPECT_EQ(driver_.writes[2].refusal().seq(), 2u);
  EXPECT_EQ(driver_.writes[3].directive().version(), 2u);
  EXPECT_EQ(driver_.writes[4].refusal().reason(), v1::REFUSAL_REASON_LIMIT);
}

TEST_F(Port, WhatIsBeingWrittenIsNotReplaced) {
  port_.Ack(1);
  port_.Ack(2);
  port_.OnWriteDone(true);
  ASSERT_EQ(driver_.writes.size(), 2u);
  EXPECT_EQ(driver_.writes[0].ack().durable_seq(), 1u);
  EXPECT_EQ(driver_.writes[1].ack().durable_seq(), 2u);
}

TEST_F(Port, EndsOnceWhatWasQueuedIsSent) {
  port_.Refuse(1, RefusalReason::kLeaseHeld, "held");
  port_.Close("held");
  port_.End();   // Too late: the first reason stands.
  port_.Ack(9);  // Nothing is queued any more.
  port_.Read();  // Nor read.
  EXPECT_FALSE(driver_.finish.has_value());
  port_.OnWriteDone(true);
  ASSERT_TRUE(driver_.finish.has_value());
  EXPECT_EQ(driver_.finish->error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(driver_.writes.size(), 1u);
  EXPECT_EQ(driver_.reads, 0);
}

TEST_F(Port, AReaderThatIsTooSlowIsCutOff) {
  for (size_t i = 0; i <= StreamPort::kMaxQueued + 1; ++i) {
    EXPECT_FALSE(driver_.finish.has_value());
    port_.Refuse(i, RefusalReason::kStale, "");
  }
  port_.OnWriteDone(true);
  ASSERT_TRUE(driver_.finish.has_value());
  EXPECT_EQ(driver_.finish->error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(driver_.writes.size(), 1u);
}

TEST_F(Port, AFailedWriteEndsTheStream) {
  port_.Ack(1);
  port_.Push(Version(1));
  port_.OnWriteDone(false);
  EXPECT_TRUE(driver_.finish.has_value());
  EXPECT_EQ(driver_.writes.size(), 1u);
}

TEST_F(Port, WithoutItsDriverItDoesNothing) {
  port_.Detach();
  port_.Ack(1);
  port_.Read();
  port_.End();
  EXPECT_TRUE(driver_.writes.empty());
  EXPECT_FALSE(driver_.finish.has_value());
}

}  // namespace
}  // namespace sluice::sidecar

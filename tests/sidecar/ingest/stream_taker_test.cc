#include "sidecar/ingest/stream_taker.h"

#include <gtest/gtest.h>

#include "sidecar/ingest/command_of.h"
#include "tests/sidecar/testing/examples.h"

namespace sluice::sidecar {
namespace {

struct Reads final : StreamDriver {
  void DriveWrite(const v1::SidecarMessage*) override {}
  void DriveRead() override { ++reads; }
  void DriveFinish(const grpc::Status&) override {}
  int reads = 0;
};

TEST(QueueTaker, WhatFindsTheQueueFullIsTakenLaterAndReadOnThen) {
  CommandQueue queue(1);
  QueueTaker taker(&queue);
  Reads driver;
  const auto port = std::make_shared<StreamPort>(&driver);
  auto messages = testing::ExampleMessages();
  EXPECT_TRUE(taker.Take(port, messages[0], absl::OkStatus()));
  EXPECT_FALSE(taker.Take(port, messages[1], OverRate(10)));
  taker.Closed(port);
  EXPECT_EQ(driver.reads, 0);
  const auto first = queue.Drain(1, std::chrono::seconds(1));
  EXPECT_EQ(driver.reads, 1);
  EXPECT_EQ(std::get<StreamMessage>(first.at(0)).sink, port);
  const auto rest = queue.Drain(2, std::chrono::seconds(1));
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(ReasonOf(std::get<RejectedMessage>(rest[0]).why), RefusalReason::kLimit);
  EXPECT_EQ(std::get<StreamClosed>(queue.Drain(1, std::chrono::seconds(1)).at(0)).sink, port);
}

}  // namespace
}  // namespace sluice::sidecar

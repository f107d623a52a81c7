#include "worker/telemetry/stream.h"

#include <gtest/gtest.h>

#include "tests/common/wait_until.h"
#include "tests/worker/telemetry/scripted_sidecar.h"

namespace sluice::telemetry {
namespace {

v1::WorkerMessage Hello() {
  v1::WorkerMessage message;
  message.mutable_hello()->set_instance("i");
  return message;
}

TEST(StreamTest, WritesReadsAndEnds) {
  ScriptedSidecar sidecar;
  const auto wakeup = std::make_shared<Wakeup>();
  const auto stream = Stream::Open(sidecar.address(), wakeup);
  stream->Write(Hello());
  std::optional<v1::SidecarMessage> reply;
  ASSERT_TRUE(WaitUntil([&] { return (reply = stream->Read()).has_value(); }));
  EXPECT_TRUE(reply->has_hello_reply());
  ASSERT_TRUE(WaitUntil([&] { return stream->CanWrite(); }));
  stream->WritesDone();
  EXPECT_FALSE(stream->CanWrite());
  ASSERT_TRUE(WaitUntil([&] { return stream->broken(); }));
  EXPECT_FALSE(stream->done());
  stream->Close();
  ASSERT_TRUE(WaitUntil([&] { return stream->done(); }));
  EXPECT_TRUE(stream->status().ok()) << stream->status().error_message();
}

TEST(StreamTest, AnAbsentSidecarBreaksIt) {
  ScriptedSidecar sidecar;
  const std::string address = sidecar.address();
  sidecar.Stop();
  const auto stream = Stream::Open(address, std::make_shared<Wakeup>());
  stream->Write(Hello());
  ASSERT_TRUE(WaitUntil([&] { return stream->broken(); }));
  EXPECT_FALSE(stream->CanWrite());
  stream->Close();
  ASSERT_TRUE(WaitUntil([&] { return stream->done(); }));
  EXPECT_EQ(stream->status().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(StreamTest, CloseEndsAStreamThatIsNeverAnswered) {
  ScriptedSidecar sidecar(std::deque<Script>{{.answers_hello = false}});
  const auto stream = Stream::Open(sidecar.address(), std::make_shared<Wakeup>());
  stream->Write(Hello());
  ASSERT_TRUE(sidecar.WaitForFaults(1));
  EXPECT_FALSE(stream->broken());
  stream->Close();
  ASSERT_TRUE(WaitUntil([&] { return stream->done(); }));
}

TEST(StreamTest, KeepsItselfAliveUntilGrpcIsDone) {
  ScriptedSidecar sidecar(std::deque<Script>{{.answers_hello = false}});
  std::weak_ptr<Stream> watched;
  {
    const auto stream = Stream::Open(sidecar.address(), std::make_shared<Wakeup>());
    watched = stream;
    stream->Write(Hello());
    ASSERT_TRUE(sidecar.WaitForFaults(1));
    stream->Close();
  }
  EXPECT_TRUE(WaitUntil([&] { return watched.expired(); }));
}

}  // namespace
}  // namespace sluice::telemetry

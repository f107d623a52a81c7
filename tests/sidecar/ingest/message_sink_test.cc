#include "sidecar/ingest/message_sink.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::sidecar {
namespace {

struct NotedSink final : MessageSink {
  void Send(v1::SidecarMessage message) override { sent.push_back(std::move(message)); }
  void End() override {}
  void Close(const std::string&) override {}

  std::vector<v1::SidecarMessage> sent;
};

TEST(MessageSink, SaysInTheProtocolWhatTheEngineSays) {
  NotedSink sink;
  sink.Reply({7, 8, {}, 10});
  sink.Ack(9);
  Directive directive;
  directive.version = 3;
  sink.Push(directive);
  sink.Refuse(4, RefusalReason::kLimit, "much");
  ASSERT_EQ(sink.sent.size(), 4u);
  EXPECT_EQ(sink.sent[0].hello_reply().lease_epoch(), 7u);
  EXPECT_EQ(sink.sent[0].hello_reply().durable_seq(), 8u);
  EXPECT_EQ(sink.sent[0].hello_reply().window_steps(), 10u);
  EXPECT_EQ(sink.sent[1].ack().durable_seq(), 9u);
  EXPECT_EQ(sink.sent[2].directive().version(), 3u);
  EXPECT_EQ(sink.sent[3].refusal().seq(), 4u);
  EXPECT_EQ(sink.sent[3].refusal().reason(), v1::REFUSAL_REASON_LIMIT);
  EXPECT_EQ(sink.sent[3].refusal().detail(), "much");
}

}  // namespace
}  // namespace sluice::sidecar

// What goes upstream and when, and what becomes of ranks without it.
#include <gtest/gtest.h>

#include "sidecar/ingest/telemetry_service.h"
#include "sidecar/relay/relay.h"
#include "sidecar/wire/counters.h"
#include "tests/sidecar/relay/fake_stream.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A relay and the service of a sidecar on a real socket; the test stands in for the writer thread.
class RelayLoop : public ::testing::Test {
 protected:
  RelayLoop() {
    StartSidecar();
    options_.upstream = "127.0.0.1:" + std::to_string(port_);
    options_.hold = seconds(600);
    options_.first_pause = milliseconds(10);
  }
  ~RelayLoop() override { StopSidecar(); }
  void StartSidecar() {
    service_ = std::make_unique<TelemetryService>(&queue_, guard_.get());
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_),
                             grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void StopSidecar() {
    service_->StopReading();
    service_->FinishStreams(std::chrono::steady_clock::now() + seconds(5));
    server_->Shutdown(std::chrono::system_clock::now() + seconds(5));
    server_.reset();
  }
  static v1::WorkerMessage Message(uint64_t seq) {
    v1::WorkerMessage message;
    message.mutable_identity()->set_run("r");
    message.mutable_identity()->set_seq(seq);
    return message;
  }
  static bool SayHello(Relay& relay, testing::FakeStream& stream) {
    v1::WorkerMessage message = Message(0);
    message.mutable_hello()->set_instance("i");
    message.mutable_hello()->set_world_size(1);
    return relay.Take(stream.port, message, absl::OkStatus());
  }
  static void Step(Relay& relay, testing::FakeStream& stream, uint64_t seq, uint64_t step) {
    v1::WorkerMessage message = Message(seq);
    v1::GateSnapshot* snapshot = message.mutable_snapshot();
    snapshot->set_first_step(step);
    snapshot->set_last_step(step);
    CountersToProto(testing::CountersAt(step), snapshot->mutable_counters());
    snapshot->add_layers()->set_layer(testing::kLayer);
    EXPECT_TRUE(relay.Take(stream.port, message, absl::OkStatus()));
  }
  // The next command; the test fails if none comes.
  template <typename T>
  T Next() {
    const auto commands = queue_.Drain(1, seconds(10));
    const T* command = commands.empty() ? nullptr : std::get_if<T>(&commands[0]);
    EXPECT_NE(command, nullptr);
    return command == nullptr ? T{} : *command;
  }
  // Greets, with windows of ten steps.
  std::shared_ptr<StreamSink> Greet(Relay& relay, testing::FakeStream& stream) {
    EXPECT_TRUE(SayHello(relay, stream));
    const auto sink = Next<StreamMessage>().sink;
    if (sink == nullptr) return std::make_shared<testing::FakeSink>();
    sink->Reply({1, 0, {}, 10});
    EXPECT_TRUE(stream.Written(1).at(0).has_hello_reply());
    return sink;
  }

  std::unique_ptr<security::Guard> guard_ = *security::Guard::Make({});
  CommandQueue queue_{100};
  std::unique_ptr<TelemetryService> service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  RelayOptions options_;
};

TEST_F(RelayLoop, SnapshotsOfAWindowWaitForItsEndAndGoAsOne) {
  Relay relay(options_);
  testing::FakeStream stream;
  const auto sink = Greet(relay, stream);
  for (uint64_t seq = 1; seq <= 9; ++seq) Step(relay, stream, seq, seq);
  EXPECT_TRUE(queue_.Drain(1, milliseconds(50)).empty());
  Step(relay, stream, 10, 10);
  Step(relay, stream, 11, 11);
  const auto message = Next<StreamMessage>().message;
  EXPECT_EQ(message.identity.first(), 1u);
  EXPECT_EQ(message.identity.seq, 10u);
  const auto& snapshot = std::get<GateSnapshot>(message.body);
  EXPECT_EQ(snapshot.counters, testing::CountersAt(10));
  EXPECT_EQ(snapshot.coalesced, 9u);
  // No acknowledgement before the sidecar's own.
  EXPECT_EQ(stream.Written(1).size(), 1u);
  sink->Ack(10);
  EXPECT_EQ(stream.Written(2).at(1).ack().durable_seq(), 10u);
  const RelayStats stats = relay.Stats();
  EXPECT_EQ(stats.messages, 12u);
  EXPECT_GE(stats.merged, 9u);
  EXPECT_TRUE(stats.connected);
}

TEST_F(RelayLoop, OneThatFindsNoCompanyGoesAfterTheHold) {
  options_.hold = milliseconds(20);
  Relay relay(options_);
  testing::FakeStream stream;
  Greet(relay, stream);
  Step(relay, stream, 1, 1);
  EXPECT_EQ(Next<StreamMessage>().message.identity.seq, 1u);
  EXPECT_EQ(relay.Stats().waiting_bytes, 0u);
}

TEST_F(RelayLoop, AHalfClosedStreamEndsAfterItsLastAcknowledgement) {
  Relay relay(options_);
  testing::FakeStream stream;
  const auto sink = Greet(relay, stream);
  Step(relay, stream, 1, 1);
  relay.Closed(stream.port);
  EXPECT_EQ(Next<StreamMessage>().message.identity.seq, 1u);
  EXPECT_EQ(Next<StreamClosed>().sink, sink);
  EXPECT_FALSE(stream.has_ended());
  sink->Ack(1);
  sink->End();
  EXPECT_TRUE(stream.End().ok());
  EXPECT_EQ(stream.Written(2).at(1).ack().durable_seq(), 1u);
  EXPECT_TRUE(WaitUntil([&] { return relay.Stats().ranks == 0; }, seconds(10)));
}

TEST_F(RelayLoop, WhatTheSidecarEndsEndsWithItsStatus) {
  Relay relay(options_);
  testing::FakeStream stream;
  const auto sink = Greet(relay, stream);
  sink->Close("another");
  EXPECT_EQ(stream.End().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(stream.End().error_message(), "another");
  // gRPC is done with the stream; the sidecar hears of it and the lane is forgotten.
  relay.Closed(stream.port);
  Next<StreamClosed>();
  sink->End();
  EXPECT_TRUE(WaitUntil([&] { return relay.Stats().ranks == 0; }, seconds(10)));
}

TEST_F(RelayLoop, WithTheSidecarGoTheStreamsThatItKnew) {
  Relay relay(options_);
  testing::FakeStream known, fresh;
  Greet(relay, known);
  Step(relay, known, 1, 1);
  StopSidecar();
  EXPECT_EQ(known.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  Next<StreamClosed>();
  // One that comes meanwhile waits, and is the new sidecar's.
  EXPECT_TRUE(SayHello(relay, fresh));
  EXPECT_FALSE(fresh.has_ended());
  EXPECT_EQ(relay.Stats().ranks, 1u);
  StartSidecar();
  EXPECT_TRUE(std::holds_alternative<Hello>(Next<StreamMessage>().message.body));
  EXPECT_EQ(relay.Stats().reconnects, 1u);
}

TEST_F(RelayLoop, ASidecarThatOwesAnAnswerForTooLongIsGivenUp) {
  options_.stall = milliseconds(700);
  Relay relay(options_);
  testing::FakeStream stream;
  EXPECT_TRUE(SayHello(relay, stream));
  Next<StreamMessage>();  // And no answer.
  EXPECT_EQ(stream.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  Next<StreamClosed>();
  // It is tried again: what owes nothing may be silent.
  EXPECT_TRUE(WaitUntil([&] { return relay.Stats().connected; }, seconds(10)));
  testing::FakeStream again;
  Greet(relay, again);
}

}  // namespace
}  // namespace sluice::sidecar

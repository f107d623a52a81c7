#include "sidecar/ingest/telemetry_service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;

// A client and the service in one process; the test stands in for the writer thread.
class Telemetry : public ::testing::Test {
 protected:
  using Call = grpc::ClientReaderWriter<v1::WorkerMessage, v1::SidecarMessage>;

  Telemetry() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::Telemetry::NewStub(server_->InProcessChannel({}));
    context_.set_deadline(std::chrono::system_clock::now() + seconds(10));
  }
  ~Telemetry() override {
    context_.TryCancel();
    server_->Shutdown(std::chrono::system_clock::now() + seconds(5));
  }

  v1::WorkerMessage Message(uint64_t seq) {
    v1::WorkerMessage message;
    message.mutable_identity()->set_run("r");
    message.mutable_identity()->set_seq(seq);
    message.mutable_directive_applied()->set_version(seq);
    return message;
  }
  // The next command; the test fails if none comes.
  template <typename T>
  T Take() {
    const auto commands = queue_.Drain(1, seconds(10));
    const T* command = commands.empty() ? nullptr : std::get_if<T>(&commands[0]);
    EXPECT_NE(command, nullptr);
    return command == nullptr ? T{} : *command;
  }

  std::unique_ptr<security::Guard> guard_ = *security::Guard::Make({});
  CommandQueue queue_{1};
  TelemetryService service_{&queue_, guard_.get()};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Telemetry::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(Telemetry, MessagesComeInOrderThroughAFullQueue) {
  const std::unique_ptr<Call> call = stub_->Stream(&context_);
  // On a thread of its own: the backpressure reaches as far as the client's Write.
  std::thread rank([&] {
    for (uint64_t seq = 1; seq <= 20; ++seq) EXPECT_TRUE(call->Write(Message(seq)));
  });
  for (uint64_t seq = 1; seq <= 20; ++seq) {
    EXPECT_EQ(Take<StreamMessage>().message.identity.seq, seq);
    EXPECT_LE(queue_.size(), 2u);  // One in the queue and one parked: nothing else was read.
  }
  rank.join();
}

TEST_F(Telemetry, ABadMessageIsHandedOnAsRejected) {
  const std::unique_ptr<Call> call = stub_->Stream(&context_);
  v1::WorkerMessage bad = Message(3);
  bad.mutable_checkpoint_saved()->set_name("../c");
  call->Write(bad);
  const auto rejected = Take<RejectedMessage>();
  EXPECT_EQ(rejected.seq, 3u);
  EXPECT_EQ(ReasonOf(rejected.why), RefusalReason::kMalformed);
  call->Write(Message(~uint64_t{0}));  // Not even its number can be used.
  EXPECT_EQ(Take<RejectedMessage>().seq, 0u);
}

TEST_F(Telemetry, AHalfClosedStreamEndsAfterItsLastAck) {
  const std::unique_ptr<Call> call = stub_->Stream(&context_);
  call->Write(Message(1));
  call->WritesDone();
  const auto message = Take<StreamMessage>();
  const auto closed = Take<StreamClosed>();
  EXPECT_EQ(closed.sink, message.sink);
  closed.sink->Ack(1);
  closed.sink->End();
  v1::SidecarMessage answer;
  ASSERT_TRUE(call->Read(&answer));
  EXPECT_EQ(answer.ack().durable_seq(), 1u);
  EXPECT_FALSE(call->Read(&answer));
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(Telemetry, StoppingItReadsNoMoreAndTurnsNewStreamsAway) {
  const std::unique_ptr<Call> call = stub_->Stream(&context_);
  call->Write(Message(1));
  Take<StreamMessage>();
  service_.StopReading();
  grpc::ClientContext late;
  late.set_deadline(std::chrono::system_clock::now() + seconds(10));
  EXPECT_EQ(stub_->Stream(&late)->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  Take<StreamClosed>();
  call->Write(Message(2));  // Stays with the rank.
  service_.FinishStreams(std::chrono::steady_clock::now() + seconds(10));
  v1::SidecarMessage answer;
  EXPECT_FALSE(call->Read(&answer));
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  Take<StreamClosed>();
}

// A relay's: what is said goes to its taker.
TEST_F(Telemetry, ARelayTakesRanksAndNoRelays) {
  QueueTaker taker(&queue_);
  TelemetryService relay(static_cast<StreamTaker*>(&taker), guard_.get());
  grpc::ServerBuilder builder;
  builder.RegisterService(&relay);
  const auto server = builder.BuildAndStart();
  const auto stub = v1::Telemetry::NewStub(server->InProcessChannel({}));
  grpc::ClientContext context;
  EXPECT_EQ(stub->Relay(&context)->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  {
    const std::unique_ptr<Call> call = stub->Stream(&context_);
    call->Write(Message(1));
    EXPECT_EQ(Take<StreamMessage>().message.identity.seq, 1u);
    context_.TryCancel();
    EXPECT_FALSE(call->Finish().ok());
  }
  server->Shutdown(std::chrono::system_clock::now() + seconds(5));
}

TEST_F(Telemetry, ASinkOutlivesItsStream) {
  std::shared_ptr<StreamSink> sink;
  {
    const std::unique_ptr<Call> call = stub_->Stream(&context_);
    call->Write(Message(1));
    sink = Take<StreamMessage>().sink;
    context_.TryCancel();
    EXPECT_FALSE(call->Finish().ok());
  }
  EXPECT_EQ(Take<StreamClosed>().sink, sink);
  sink->Ack(1);
  sink->Push({});
  sink->Close("late");
}

}  // namespace
}  // namespace sluice::sidecar

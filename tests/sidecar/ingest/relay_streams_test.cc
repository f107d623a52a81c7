#include "sidecar/ingest/relay_streams.h"

#include <gtest/gtest.h>

#include "sidecar/ingest/telemetry_service.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/examples.h"

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;

// A relay's client and the service in one process; the test stands in for the writer thread.
class Relays : public ::testing::Test {
 protected:
  using Call = grpc::ClientReaderWriter<v1::RelayRequest, v1::RelayResponse>;

  explicit Relays(const StreamLimits& limits = {}) : service_(&queue_, guard_.get(), limits) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::Telemetry::NewStub(server_->InProcessChannel({}));
    context_.set_deadline(std::chrono::system_clock::now() + seconds(20));
  }
  ~Relays() override {
    context_.TryCancel();
    server_->Shutdown(std::chrono::system_clock::now() + seconds(5));
  }
  static v1::RelayRequest Request(uint64_t first_lane, uint64_t lanes) {
    v1::RelayRequest request;
    for (uint64_t lane = first_lane; lane < first_lane + lanes; ++lane) {
      request.add_lanes()->set_lane(lane);
      *request.mutable_lanes()->rbegin()->mutable_message() = testing::ExampleMessages()[0];
    }
    return request;
  }
  std::vector<Command> Take(size_t count) {
    std::vector<Command> all;
    while (all.size() < count) {
      auto some = queue_.Drain(count - all.size(), seconds(10));
      if (some.empty()) break;
      for (Command& command : some) all.push_back(std::move(command));
    }
    EXPECT_EQ(all.size(), count);
    return all;
  }

  std::unique_ptr<security::Guard> guard_ = *security::Guard::Make({});
  CommandQueue queue_{1};
  TelemetryService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Telemetry::Stub> stub_;
  grpc::ClientContext context_;
};

class FewRelays : public Relays {
 protected:
  FewRelays() : Relays({.streams = 1, .hello = std::chrono::milliseconds(1)}) {}
};

TEST_F(Relays, LanesGoUpThroughAFullQueueAndAnswersComeDown) {
  const std::unique_ptr<Call> call = stub_->Relay(&context_);
  ASSERT_TRUE(call->Write(Request(1, 3)));
  ASSERT_TRUE(call->Write(Request(4, 3)));
  const auto commands = Take(6);
  for (size_t i = 0; i < commands.size(); ++i) {
    std::get<StreamMessage>(commands[i]).sink->Ack(i);
  }
  uint64_t lanes = 0;
  v1::RelayResponse response;
  while (lanes < 6 && call->Read(&response)) {
    for (const auto& lane : response.lanes()) {
      EXPECT_EQ(lane.message().ack().durable_seq() + 1, lane.lane());
      ++lanes;
    }
  }
  EXPECT_EQ(lanes, 6u);
  // The relay goes, and with it its lanes.
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
  for (const Command& command : Take(6)) {
    EXPECT_TRUE(std::holds_alternative<StreamClosed>(command));
  }
}

TEST_F(Relays, WhoDoesNotKeepToTheProtocolIsCutOff) {
  const std::unique_ptr<Call> call = stub_->Relay(&context_);
  ASSERT_TRUE(call->Write(Request(1, 1)));
  ASSERT_TRUE(call->Write(Request(0, 1)));
  const grpc::Status status = call->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "lane is 0, expected at least 1");
  EXPECT_TRUE(std::holds_alternative<StreamClosed>(Take(2)[1]));
}

TEST_F(FewRelays, RelaysHaveTheirPlaceAmongTheStreamsAndMayBeSilent) {
  const std::unique_ptr<Call> call = stub_->Relay(&context_);
  call->WaitForInitialMetadata();
  grpc::ClientContext other;
  EXPECT_EQ(stub_->Stream(&other)->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  // Its Hello was due long ago, had it to say one.
  ASSERT_TRUE(call->Write(Request(1, 1)));
  Take(1);
  service_.StopReading();
  service_.FinishStreams(std::chrono::steady_clock::now() + seconds(10));
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace sluice::sidecar

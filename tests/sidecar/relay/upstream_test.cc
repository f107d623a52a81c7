#include "sidecar/relay/upstream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "sidecar/ingest/telemetry_service.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/examples.h"

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;

struct Noted final : UpstreamEvents {
  void OnConnected() override { connected = true; }
  void OnResponse(const v1::RelayResponse& response) override { lanes += response.lanes_size(); }
  void OnWritten() override { ++written; }
  void OnEnded(const grpc::Status& why) override {
    code = static_cast<int>(why.error_code());
    ended = true;
  }

  std::atomic<bool> connected{false}, ended{false};
  std::atomic<int> lanes{0}, written{0}, code{0};
};

// The service on a real socket; the test stands in for the writer thread.
class UpstreamTest : public ::testing::Test {
 protected:
  UpstreamTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    upstream_ = Upstream::Open("127.0.0.1:" + std::to_string(port_), {}, &events_);
  }
  ~UpstreamTest() override {
    upstream_->Close();
    server_->Shutdown(std::chrono::system_clock::now() + seconds(5));
  }
  bool Wait(const std::function<bool()>& until) { return WaitUntil(until, seconds(10)); }

  std::unique_ptr<security::Guard> guard_ = *security::Guard::Make({});
  CommandQueue queue_{100};
  TelemetryService service_{&queue_, guard_.get()};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  Noted events_;
  std::shared_ptr<Upstream> upstream_;
};

TEST_F(UpstreamTest, LanesGoUpAndAnswersComeDown) {
  ASSERT_TRUE(Wait([this] { return events_.connected.load(); }));
  v1::RelayRequest request;
  for (uint64_t lane : {1, 2}) {
    request.add_lanes()->set_lane(lane);
    *request.mutable_lanes()->rbegin()->mutable_message() = testing::ExampleMessages()[0];
  }
  upstream_->Write(request);
  ASSERT_TRUE(Wait([this] { return events_.written == 1 && queue_.size() == 2; }));
  for (const Command& command : queue_.Drain(2, seconds(1))) {
    std::get<StreamMessage>(command).sink->Ack(1);
  }
  EXPECT_TRUE(Wait([this] { return events_.lanes == 2; }));
  // Without the relay its lanes are closed, and nobody is told of its end.
  upstream_->Close();
  EXPECT_TRUE(Wait([this] { return queue_.size() == 2; }));
  EXPECT_FALSE(events_.ended);
}

TEST_F(UpstreamTest, TheEndIsSaidWithItsStatusAndNothingIsWrittenAfterIt) {
  ASSERT_TRUE(Wait([this] { return events_.connected.load(); }));
  service_.StopReading();
  service_.FinishStreams(std::chrono::steady_clock::now() + seconds(5));
  EXPECT_TRUE(Wait([this] { return events_.ended.load(); }));
  EXPECT_EQ(events_.code, static_cast<int>(grpc::StatusCode::UNAVAILABLE));
  upstream_->Write({});
  EXPECT_EQ(events_.written, 0);
}

TEST(UpstreamAlone, NobodyListens) {
  Noted events;
  const auto upstream = Upstream::Open("127.0.0.1:1", {}, &events);
  EXPECT_TRUE(WaitUntil([&] { return events.ended.load(); }, seconds(10)));
  EXPECT_EQ(events.code, static_cast<int>(grpc::StatusCode::UNAVAILABLE));
  EXPECT_FALSE(events.connected);
  upstream->Close();
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/daemon/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <chrono>

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;

class Grpc : public ::testing::Test {
 protected:
  Grpc() : server_(*GrpcServer::Start({"127.0.0.1", 0}, {}, &telemetry_, &runs_)) {}
  ~Grpc() override { server_->Shutdown(std::chrono::steady_clock::now() + seconds(5)); }

  // What the health service says of `service`: 1 serving, 2 not serving, 0 no answer. Its messages
  // have one field, of the same number and type as those that stand for them here.
  uint64_t Health(const std::string& service) {
    const auto channel =
        grpc::CreateChannel(server_->address().ToString(), grpc::InsecureChannelCredentials());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(10));
    v1::GetRunRequest request;
    request.set_run(service);
    v1::Ack response;
    const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                           grpc::internal::RpcMethod::NORMAL_RPC);
    const grpc::Status status = grpc::internal::BlockingUnaryCall<v1::GetRunRequest, v1::Ack>(
        channel.get(), method, &context, request, &response);
    return status.ok() ? response.durable_seq() : 0;
  }

  std::unique_ptr<security::Guard> guard_ = *security::Guard::Make({});
  CommandQueue queue_{4};
  ViewHub hub_;
  TelemetryService telemetry_{&queue_, guard_.get()};
  JournalReader journal_{"no-state"};
  RunsService runs_{&queue_, &hub_, &journal_, guard_.get()};
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(Grpc, HealthFollowsServing) {
  for (const char* service : {"", "sluice.v1.Telemetry", "sluice.v1.Runs"}) {
    server_->SetServing(true);
    EXPECT_EQ(Health(service), 1u) << service;
    server_->SetServing(false);
    EXPECT_EQ(Health(service), 2u) << service;
  }
  EXPECT_EQ(Health("unknown"), 0u);
}

TEST_F(Grpc, APortThatIsTakenIsAnErrorThatNamesIt) {
  EXPECT_NE(server_->address().port, 0);
  const auto second = GrpcServer::Start(server_->address(), {}, &telemetry_, &runs_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              ::testing::HasSubstr("cannot listen on " + server_->address().ToString()));
}

}  // namespace
}  // namespace sluice::sidecar

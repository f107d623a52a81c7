#include "sidecar/ctl/worker_client.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/sidecar/ctl/local_server.h"

namespace sluice::ctl {
namespace {

using absl::StatusCode;
using std::chrono::seconds;

// Answers each call with numbers of its own.
class FakeWorker final : public v1::Worker::Service {
 public:
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_step(1);
    return grpc::Status::OK;
  }
  grpc::Status Pause(grpc::ServerContext*, const v1::PauseRequest* request,
                     v1::PauseResponse* response) override {
    reason = request->reason();
    response->set_step(2);
    return grpc::Status::OK;
  }
  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest*,
                      v1::ResumeResponse* response) override {
    response->set_step(3);
    return grpc::Status::OK;
  }
  grpc::Status SaveCheckpoint(grpc::ServerContext*, const v1::SaveCheckpointRequest*,
                              v1::SaveCheckpointResponse* response) override {
    response->set_name("file");
    return grpc::Status::OK;
  }
  grpc::Status Drain(grpc::ServerContext*, const v1::DrainRequest*, v1::DrainResponse*) override {
    return {grpc::StatusCode::FAILED_PRECONDITION, "the run\nis ending"};
  }
  std::string reason;
};

TEST(CtlWorkerClient, EachCallIsTheOneThatItSaysAndErrorsNameTheWorker) {
  FakeWorker worker;
  LocalServer server(&worker);
  const std::string& address = server.address();
  WorkerClient client(address, seconds(10));
  EXPECT_EQ(client.GetStatus()->step(), 1u);
  EXPECT_EQ(client.Pause("a look")->step(), 2u);
  EXPECT_EQ(worker.reason, "a look");
  EXPECT_EQ(client.Resume()->step(), 3u);
  EXPECT_EQ(client.SaveCheckpoint()->name(), "file");
  EXPECT_TRUE(Says(client.Drain().status(), StatusCode::kFailedPrecondition,
                   {"worker " + address + ": the run is ending"}));
  server.Stop();
  EXPECT_TRUE(Says(client.GetStatus().status(), StatusCode::kUnavailable,
                   {"worker " + address + " is not reachable, expected a sluice-worker there: "}));
}

}  // namespace
}  // namespace sluice::ctl

// The publisher against the real sidecar, which is killed and started again.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/wait_until.h"
#include "tests/worker/telemetry/make_snapshot.h"
#include "worker/launch/child_process.h"
#include "worker/launch/sidecar_process.h"
#include "worker/telemetry/publisher.h"
#include "worker/telemetry/wire.h"

namespace sluice::telemetry {
namespace {

using launch::ChildProcess;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SidecarRestartTest : public testing::Test {
 protected:
  void SetUp() override {
    state_ = std::filesystem::temp_directory_path() /
             absl::StrCat("sluice_sidecar_restart_", ::getpid());
    std::filesystem::create_directories(state_);
  }
  void TearDown() override {
    publisher_ = nullptr;
    sidecar_.reset();
    std::filesystem::remove_all(state_);
  }

  // Starts the sidecar on `address` and waits until it listens.
  void StartSidecar() {
    const auto program = launch::SiblingProgram("sluice-sidecar");
    ASSERT_TRUE(program.ok());
    auto child = ChildProcess::Start({.program = *program,
                                      .arguments = {"--listen", address_, "--http", "127.0.0.1:0",
                                                    "--state", state_.string(), "--json", "-"},
                                      .capture_stdout = true});
    ASSERT_TRUE(child.ok()) << child.status();
    sidecar_ = *std::move(child);
    const auto line = sidecar_->ReadLine(seconds(20));
    ASSERT_TRUE(line.ok()) << line.status();
  }
  // Chooses a free port, by letting the first sidecar choose it.
  void ChooseAddress() {
    auto first = launch::SidecarProcess::Start({.state = state_.string()});
    ASSERT_TRUE(first.ok()) << first.status();
    address_ = first->grpc().ToString();
    EXPECT_TRUE(first->Stop(seconds(20)).ok());
  }
  void StartPublisher() {
    publisher_ = std::make_unique<Publisher>(PublisherConfig{
        .address = address_,
        .run = "r",
        .instance = "i",
        .gates = {{.layer = 4, .scorer = "head", .policy = "threshold", .threshold = 0.25}},
        .stall_seconds = 2.0,
        .poll_interval = milliseconds(5),
        .backoff_first = milliseconds(10),
        .backoff_longest = milliseconds(100)});
    ASSERT_TRUE(publisher_->Start().ok());
  }
  void Steps(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) publisher_->Publish(MakeSnapshot(++step_));
  }
  v1::RunState RunState() {
    const auto stub =
        v1::Runs::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(20));
    context.set_wait_for_ready(true);
    v1::GetRunRequest request;
    request.set_run("r");
    v1::GetRunResponse response;
    const grpc::Status status = stub->GetRun(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.state();
  }

  std::filesystem::path state_;
  std::string address_ = "127.0.0.1:0";
  std::optional<ChildProcess> sidecar_;
  std::unique_ptr<Publisher> publisher_;
  uint64_t step_ = 0;
};

TEST_F(SidecarRestartTest, CountsAreEqualAfterKills) {
  ChooseAddress();
  StartSidecar();
  StartPublisher();
  constexpr int kKills = 3;
  for (int kill = 0; kill < kKills; ++kill) {
    const uint64_t durable = publisher_->Stats().durable_seq;
    Steps(150);
    ASSERT_TRUE(WaitUntil([&] { return publisher_->Stats().durable_seq > durable; }));
    ASSERT_TRUE(sidecar_->Kill(SIGKILL).ok());
    EXPECT_EQ(sidecar_->Wait(seconds(10))->signal, SIGKILL);
    Steps(50);
    StartSidecar();
  }
  const absl::Status status = publisher_->Finish({.step = step_}, milliseconds(30000));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GE(publisher_->Stats().reconnects, uint64_t{kKills});
  EXPECT_EQ(publisher_->Stats().messages_refused, 0u);
  const v1::RunState run = RunState();
  EXPECT_EQ(run.step(), step_);
  EXPECT_EQ(run.counters().ShortDebugString(),
            ToProto(MakeSnapshot(step_).counters).ShortDebugString());
  ASSERT_EQ(run.ranks_size(), 1);
  EXPECT_TRUE(run.ranks(0).ended());
}

}  // namespace
}  // namespace sluice::telemetry

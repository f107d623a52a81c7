#include "sidecar/runs/runs_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/runs_server.h"

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class RunsTest : public testing::RunsServer, public ::testing::Test {
 protected:
  RunsTest() {
    auto sink = bench_.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 1));
    for (uint64_t s = 1; s <= 50; ++s) {
      bench_.Send(sink, {"r", 0, 0, 0, 1, s}, testing::SnapshotAt(s));
    }
    hub_.Publish(bench_.engine.MakeView(0));
  }
  // First steps of the windows that are answered.
  std::vector<uint64_t> Windows(uint64_t first, uint64_t last, uint32_t limit) {
    v1::GetHistoryRequest request;
    request.set_run("r");
    request.set_first_step(first);
    request.set_last_step(last);
    request.set_limit(limit);
    v1::GetHistoryResponse response;
    const auto context = Context();
    EXPECT_TRUE(stub_->GetHistory(context.get(), request, &response).ok());
    std::vector<uint64_t> steps;
    for (const v1::Window& window : response.windows()) steps.push_back(window.first_step());
    return steps;
  }
  // Sends the command and lets `act` take the writer's part.
  grpc::Status SetThreshold(
      const v1::SetThresholdRequest& request, v1::SetThresholdResponse* response,
      const std::function<void()>& act = [] {}) {
    auto call = std::async(std::launch::async,
                           [&] { return stub_->SetThreshold(Context().get(), request, response); });
    act();
    return call.get();
  }
  static v1::SetThresholdRequest Request(const std::string& run, double threshold) {
    v1::SetThresholdRequest request;
    request.set_run(run);
    request.set_layer(testing::kLayer);
    request.set_threshold(threshold);
    request.set_reason("try");
    return request;
  }

  testing::Bench bench_;
};

TEST_F(RunsTest, QueriesAnswerFromTheView) {
  v1::ListRunsResponse list;
  ASSERT_TRUE(stub_->ListRuns(Context().get(), {}, &list).ok());
  ASSERT_EQ(list.runs_size(), 1);
  EXPECT_EQ(list.runs(0).counters().layers(0).score_histogram_size(), 0);
  v1::GetRunRequest request;
  request.set_run("r");
  v1::GetRunResponse run;
  ASSERT_TRUE(stub_->GetRun(Context().get(), request, &run).ok());
  EXPECT_EQ(run.state().step(), 50u);
  EXPECT_GT(run.state().counters().layers(0).score_histogram_size(), 0);
  request.set_run("other");
  const grpc::Status status = stub_->GetRun(Context().get(), request, &run);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "run 'other' is not known");
}

TEST_F(RunsTest, HistoryIsCutByStepsAndThenToTheNewest) {
  EXPECT_THAT(Windows(0, 0, 0), ElementsAre(1, 11, 21, 31, 41));
  EXPECT_THAT(Windows(20, 31, 0), ElementsAre(11, 21, 31));
  EXPECT_THAT(Windows(0, 30, 2), ElementsAre(11, 21));
  EXPECT_THAT(Windows(51, 0, 0), ElementsAre());
}

TEST_F(RunsTest, ACommandIsAnsweredWhenTheWriterSaysSo) {
  v1::SetThresholdResponse response;
  const grpc::Status status = SetThreshold(Request("r", 0.4), &response, [this] {
    const auto commands = queue_.Drain(1, seconds(10));
    ASSERT_EQ(commands.size(), 1u);
    const auto& command = std::get<SetThresholdCommand>(commands[0]);
    EXPECT_EQ(command.run + command.reason, "rtry");
    EXPECT_EQ(command.threshold, 0.4);
    Directive directive;
    directive.version = 8;
    command.done(directive);
  });
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.directive().version(), 8u);
}

TEST_F(RunsTest, ABadCommandNeverReachesTheWriter) {
  v1::SetThresholdResponse response;
  EXPECT_EQ(SetThreshold(Request("r", 1.5), &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SetThreshold(Request("a b", 0.5), &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::SetThresholdRequest wordy = Request("r", 0.5);
  wordy.set_reason(std::string(257, 'x'));
  EXPECT_EQ(SetThreshold(wordy, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(RunsTest, AFullQueueIsSaidAtOnce) {
  while (queue_.TryPush(StreamClosed{})) {
  }
  v1::SetThresholdResponse response;
  EXPECT_EQ(SetThreshold(Request("r", 0.5), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::ResetBreakerRequest request;
  request.set_run("r");
  v1::ResetBreakerResponse reset;
  EXPECT_EQ(stub_->ResetBreaker(Context().get(), request, &reset).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/runs/watchers.h"

#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/runs_server.h"

namespace sluice::sidecar {
namespace {

class WatchersTest : public testing::RunsServer, public ::testing::Test {
 protected:
  using Reader = grpc::ClientReader<v1::WatchRunResponse>;

  WatchersTest() {
    sink_ = bench_.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 1));
    Publish();
  }
  void Publish() { hub_.Publish(bench_.engine.MakeView(0)); }
  void DoStep(uint64_t step) {
    bench_.Send(sink_, {"r", 0, 0, 0, 1, step}, testing::SnapshotAt(step));
    Publish();
  }
  std::unique_ptr<Reader> Watch(grpc::ClientContext* context, const std::string& run = "r") {
    v1::WatchRunRequest request;
    request.set_run(run);
    return stub_->WatchRun(context, request);
  }

  testing::Bench bench_;
  std::shared_ptr<testing::FakeSink> sink_;
};

TEST_F(WatchersTest, AWatchSaysTheRunNowAndThenEachWindowAndDirective) {
  const auto context = Context();
  const auto reader = Watch(context.get());
  v1::WatchRunResponse seen;
  ASSERT_TRUE(reader->Read(&seen));
  EXPECT_EQ(seen.state().step(), 0u);
  for (uint64_t step = 1; step <= 9; ++step) DoStep(step);  // No window closes.
  DoStep(10);
  ASSERT_TRUE(reader->Read(&seen));
  EXPECT_EQ(seen.state().step(), 10u);
  bench_.Apply(SetThresholdCommand{"r", testing::kLayer, 0.45, "", [](const auto&) {}});
  Publish();
  ASSERT_TRUE(reader->Read(&seen));
  EXPECT_EQ(seen.state().directive().layers(0).threshold(), 0.45);
}

TEST_F(WatchersTest, ARunThatIsNotKnownIsNotFound) {
  const auto context = Context();
  v1::WatchRunResponse seen;
  const auto reader = Watch(context.get(), "other");
  EXPECT_FALSE(reader->Read(&seen));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(WatchersTest, ACancelledWatchIsForgotten) {
  {
    const auto context = Context();
    const auto reader = Watch(context.get());
    v1::WatchRunResponse seen;
    ASSERT_TRUE(reader->Read(&seen));
    context->TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  for (uint64_t step = 1; step <= 20; ++step) DoStep(step);
}

TEST_F(WatchersTest, FinishedAllEndAndNewOnesEndAtOnce) {
  const auto context = Context();
  const auto reader = Watch(context.get());
  v1::WatchRunResponse seen;
  ASSERT_TRUE(reader->Read(&seen));
  service_.FinishWatches();
  EXPECT_FALSE(reader->Read(&seen));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto late = Context();
  EXPECT_EQ(Watch(late.get())->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/ingest/stream_list.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;

struct NotedStream final : OpenStream {
  void Finish(const grpc::Status& status) override { ended = status; }
  std::optional<grpc::Status> ended;
};

class StreamListTest : public ::testing::Test {
 protected:
  static auto Soon() { return std::chrono::steady_clock::now() + seconds(10); }

  security::RefusalTally tally_;
  StreamList list_{{.streams = 3, .streams_per_peer = 2}, &tally_};
  std::shared_ptr<NotedStream> a_ = std::make_shared<NotedStream>(),
                               b_ = std::make_shared<NotedStream>(),
                               c_ = std::make_shared<NotedStream>(),
                               d_ = std::make_shared<NotedStream>();
};

TEST_F(StreamListTest, PlacesAreBoundedInAllAndByAddress) {
  EXPECT_TRUE(list_.Add(a_, "1.1.1.1").ok());
  EXPECT_TRUE(list_.Add(b_, "1.1.1.1").ok());
  EXPECT_EQ(list_.Add(c_, "1.1.1.1").error_message(), "there are 2 streams already from 1.1.1.1");
  EXPECT_TRUE(list_.Add(c_, "2.2.2.2").ok());
  const grpc::Status full = list_.Add(d_, "2.2.2.2");
  EXPECT_EQ(full.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(full.error_message(), "there are 3 streams already");
  EXPECT_EQ(tally_.Counts().at("stream_limit"), 2u);
  list_.Remove(a_, "1.1.1.1");
  EXPECT_TRUE(list_.Add(d_, "1.1.1.1").ok());
}

TEST_F(StreamListTest, FinishEndsAllAndWaitsUntilTheyAreGone) {
  ASSERT_TRUE(list_.Add(a_, "1.1.1.1").ok());
  EXPECT_TRUE(list_.reading());
  list_.StopReading();
  EXPECT_FALSE(list_.reading());
  EXPECT_EQ(list_.Add(b_, "1.1.1.1").error_code(), grpc::StatusCode::UNAVAILABLE);
  std::thread gone([this] { list_.Remove(a_, "1.1.1.1"); });
  list_.Finish(Soon());
  gone.join();
  EXPECT_LT(std::chrono::steady_clock::now(), Soon());
}

TEST_F(StreamListTest, OneThatDoesNotGoIsLeftAtTheDeadline) {
  ASSERT_TRUE(list_.Add(a_, "1.1.1.1").ok());
  list_.Finish(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
  ASSERT_TRUE(a_->ended.has_value());
  EXPECT_EQ(a_->ended->error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace sluice::sidecar

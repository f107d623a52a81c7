#include "sidecar/engine/writer.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using std::chrono::seconds;
using testing::HelloOf;
using testing::SnapshotAt;

constexpr seconds kWriterPatience{10};

// A rank that looks into the file, over a connection of its own, and at the view whenever it is
// told something.
class LookingSink : public testing::FakeSink {
 public:
  LookingSink(const std::string& file, const ViewHub* hub)
      : database_(*Database::Open(file)), hub_(hub) {}

  void Ack(uint64_t seq) override {
    EXPECT_EQ(*database_.Value("SELECT seq FROM ranks"), std::to_string(seq));
    const auto run = hub_->Get()->Find("r");
    EXPECT_TRUE(run != nullptr && run->counters.steps == seq) << "the view is older than the ack";
    if (seq == 10) acked.set_value();
  }
  void Push(const Directive& directive) override {
    EXPECT_EQ(*database_.Value("SELECT max(version) FROM directives"),
              std::to_string(directive.version));
    ++pushed;
  }
  void Reply(const HelloReply& reply) override {
    EXPECT_EQ(*database_.Value("SELECT epoch FROM runs"), std::to_string(reply.lease_epoch));
  }

  std::promise<void> acked;  // Seq 10.
  int pushed = 0;

 private:
  Database database_;
  const ViewHub* hub_;
};

uint64_t CommitsOf(const View& view) {
  uint64_t commits = 0;
  for (uint64_t count : view.commit_times.bins) commits += count;
  return commits;
}

class WriterTest : public ::testing::Test {
 protected:
  WriterTest() : writer_(Engine({}, {}), *Store::Open(folder_.path()), &queue_, &hub_) {
    sink_ = std::make_shared<LookingSink>(file(), &hub_);
  }

  std::string file() const { return folder_.path() + "/sluice.db"; }
  Identity Seq(uint64_t seq) const { return {"r", seq == 0 ? 0u : 1u, 0, 0, 1, seq}; }
  void PushTenSteps() {
    queue_.PushAlways(StreamMessage{sink_, {Seq(0), HelloOf("i", 1)}});
    for (uint64_t s = 1; s <= 10; ++s) {
      queue_.PushAlways(StreamMessage{sink_, {Seq(s), SnapshotAt(s)}});
    }
  }
  bool WaitUntilNotWritable() {
    return WaitUntil([this] { return !writer_.writable(); }, kWriterPatience);
  }

  TemporaryFolder folder_;
  CommandQueue queue_{100};
  ViewHub hub_;
  std::shared_ptr<LookingSink> sink_;
  Writer writer_;
};

TEST_F(WriterTest, NothingIsSaidBeforeItIsDurable) {
  auto acked = sink_->acked.get_future();
  PushTenSteps();
  writer_.Start();
  EXPECT_EQ(acked.wait_for(kWriterPatience), std::future_status::ready);
  EXPECT_TRUE(writer_.Stop(std::chrono::steady_clock::now() + kWriterPatience));
  EXPECT_EQ(sink_->pushed, 1);
  EXPECT_EQ(hub_.Get()->Find("r")->counters.steps, 10u);
  EXPECT_GT(CommitsOf(*hub_.Get()), 0u);
  EXPECT_GT(hub_.Get()->commit_times.sum_seconds, 0.0);
}

TEST_F(WriterTest, AFailedCommitIsTriedAgainAndSaidOnlyThen) {
  auto acked = sink_->acked.get_future();
  Database other = *Database::Open(file());
  ASSERT_TRUE(other.Execute("BEGIN IMMEDIATE").ok());  // Nobody else may write now.
  PushTenSteps();
  writer_.Start();
  ASSERT_TRUE(WaitUntilNotWritable());
  EXPECT_EQ(acked.wait_for(seconds(0)), std::future_status::timeout);
  // The failures show while they last; what is not durable does not.
  EXPECT_TRUE(WaitUntil([this] { return hub_.Get()->commit_failures > 1; }, kWriterPatience));
  EXPECT_TRUE(hub_.Get()->runs.empty());
  EXPECT_EQ(CommitsOf(*hub_.Get()), 0u);
  ASSERT_TRUE(other.Execute("ROLLBACK").ok());
  EXPECT_EQ(acked.wait_for(kWriterPatience), std::future_status::ready);
  EXPECT_TRUE(writer_.Stop(std::chrono::steady_clock::now() + kWriterPatience));
  EXPECT_TRUE(writer_.writable());
  EXPECT_GT(hub_.Get()->commit_failures, 0u);
}

TEST_F(WriterTest, StoppedWhileCommitsFailItGivesUpAndSaysSo) {
  Database other = *Database::Open(file());
  ASSERT_TRUE(other.Execute("BEGIN IMMEDIATE").ok());
  PushTenSteps();
  std::promise<absl::StatusCode> answer;
  queue_.PushAlways(SetThresholdCommand{
      "r", testing::kLayer, 0.4, "",
      [&answer](const absl::StatusOr<Directive>& a) { answer.set_value(a.status().code()); }});
  writer_.Start();
  ASSERT_TRUE(WaitUntilNotWritable());
  EXPECT_FALSE(writer_.Stop(std::chrono::steady_clock::now()));
  EXPECT_EQ(answer.get_future().get(), absl::StatusCode::kUnavailable);
}

// Nobody says anything any more: the round that finds no command raises the alert.
TEST(WriterAtRest, AnAlertThatOnlyTimeRaisesIsPublished) {
  TemporaryFolder folder;
  CommandQueue queue(100);
  ViewHub hub;
  PolicyOptions options;
  options.alerts.rank_lost = seconds(0);
  Writer writer(Engine(options, {}), *Store::Open(folder.path()), &queue, &hub);
  writer.Start();
  const auto sink = std::make_shared<testing::FakeSink>();
  queue.PushAlways(StreamMessage{sink, {{"r", 0, 0, 0, 1, 0}, HelloOf("i", 1)}});
  queue.PushAlways(StreamClosed{sink});
  const auto fires = [&hub] {
    const auto run = hub.Get()->Find("r");
    return run != nullptr && !run->record.alerts.firing.empty();
  };
  ASSERT_TRUE(WaitUntil(fires, kWriterPatience));
  EXPECT_EQ(hub.Get()->Find("r")->record.alerts.firing[0].name, "lost_rank");
}

}  // namespace
}  // namespace sluice::sidecar

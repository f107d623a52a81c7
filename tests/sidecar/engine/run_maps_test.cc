// Maps of open patches in a run: which are kept, through the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::Bench;
using ::testing::ElementsAre;
using testing::HelloOf;
using ::testing::IsEmpty;
using testing::SnapshotAt;

class RunMaps : public ::testing::Test {
 protected:
  RunMaps() { Greet("i", 0, 0); }
  void Greet(const std::string& instance, uint32_t generation, uint64_t step) {
    identity_ = {"r", 0, generation, 0, 100 + generation, 0};
    sink_ = bench_.Greet(identity_, HelloOf(instance, 1, step));
  }
  void Send(uint64_t step) {
    ++identity_.seq;
    Again(step);
  }
  void Again(uint64_t step) {
    bench_.Send(sink_, identity_, Event{kTokenMapEvent, "", step, "map " + std::to_string(step)});
  }
  std::vector<uint64_t> Kept() {
    std::vector<uint64_t> steps;
    for (const auto& map : bench_.View()->maps) {
      steps.push_back(map->step);
      EXPECT_EQ(map->body, "map " + std::to_string(map->step));
    }
    return steps;
  }
  Bench bench_;
  Identity identity_;
  std::shared_ptr<testing::FakeSink> sink_;
};

TEST_F(RunMaps, TheNewestAreKeptInTheirOrder) {
  EXPECT_THAT(Kept(), IsEmpty());
  for (uint64_t step = 10; step <= 100; step += 10) Send(step);
  EXPECT_THAT(Kept(), ElementsAre(30, 40, 50, 60, 70, 80, 90, 100));
  EXPECT_EQ(sink_->acks.back(), 10u);
}

TEST_F(RunMaps, OneThatIsSentAgainChangesNothing) {
  Send(10);
  Send(20);
  identity_.seq = 1;
  Again(10);
  EXPECT_THAT(Kept(), ElementsAre(10, 20));
}

TEST_F(RunMaps, ARunThatWentBackMakesItsMapsAnew) {
  for (uint64_t step = 10; step <= 40; step += 10) Send(step);
  Greet("i", 1, 20);
  EXPECT_THAT(Kept(), ElementsAre(10, 20, 30, 40)) << "what it did is still to be seen";
  Send(30);
  EXPECT_THAT(Kept(), ElementsAre(10, 20, 30));
}

TEST_F(RunMaps, ANewTrainingBeginsWithoutAny) {
  Send(10);
  bench_.Apply(StreamClosed{sink_});
  Greet("another", 0, 0);
  EXPECT_THAT(Kept(), IsEmpty());
}

TEST_F(RunMaps, AreHandedOutUntilTheyAreDurableAndReadBack) {
  Send(10);
  ++identity_.seq;
  identity_.lease_epoch = sink_->replies[0].lease_epoch;
  const Event map{kTokenMapEvent, "", 20, "map 20"};
  bench_.engine.Apply(StreamMessage{sink_, {identity_, map}}, bench_.outbox);
  for (int tries = 0; tries < 2; ++tries) {  // After a commit that failed.
    const Changes changes = bench_.engine.PendingChanges();
    ASSERT_EQ(changes.maps.size(), 1u);
    EXPECT_EQ(changes.maps[0].event.step, 20u);
    EXPECT_EQ(changes.maps[0].oldest_kept, 10u);
    EXPECT_TRUE(changes.events.empty());
  }
  StoredState stored;
  stored.runs.push_back(bench_.View()->record);
  for (const auto& kept : bench_.View()->maps) stored.maps.push_back({"r", *kept});
  bench_ = Bench({}, std::move(stored));
  EXPECT_THAT(Kept(), ElementsAre(10, 20));
}

}  // namespace
}  // namespace sluice::sidecar

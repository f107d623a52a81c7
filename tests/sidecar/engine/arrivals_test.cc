#include "sidecar/engine/arrivals.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "sidecar/engine/rank.h"
#include "sidecar/engine/windows.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::Bench;
using testing::FakeSink;
using testing::HelloOf;
using testing::SnapshotAt;

constexpr uint64_t kWindow = 10;
constexpr uint32_t kRanks = 4;

using Records = std::map<uint32_t, RankRecord>;

// What a look at all ranks says.
bool IsDue(uint64_t window_end, uint32_t world_size, Records records) {
  std::map<uint32_t, RankRecord*> ranks;
  for (auto& [rank, record] : records) ranks[rank] = &record;
  return CloseNextWindow(window_end, kWindow, world_size, ranks).has_value();
}

RankRecord RankAt(uint32_t rank, uint64_t step) {
  RankRecord record;
  BeginRank({"r", 1, 0, rank, 1, 0}, HelloOf("i", kRanks), 0, kWindow, record);
  if (step > 0) MergeSnapshot(SnapshotAt(step), 0, kWindow, record);
  return record;
}

TEST(Arrivals, AWindowIsDueWithTheLastRankOrWithOneFarAhead) {
  Arrivals arrivals;
  EXPECT_FALSE(arrivals.IsTimeToClose());
  EXPECT_TRUE(arrivals.Await(0, kWindow, 2));
  EXPECT_FALSE(arrivals.Await(0, kWindow, 2)) << "it is known";
  arrivals.Note(RankAt(0, 12));
  arrivals.Note(RankAt(0, 12));  // It counts once.
  arrivals.Note(RankAt(2, 12));  // No rank of two.
  EXPECT_FALSE(arrivals.IsTimeToClose());
  arrivals.Note(RankAt(1, 9));
  EXPECT_FALSE(arrivals.IsTimeToClose());
  arrivals.Note(RankAt(1, 10));
  EXPECT_TRUE(arrivals.IsTimeToClose());
  arrivals.Note(RankAt(1, 0));  // It begins again.
  EXPECT_FALSE(arrivals.IsTimeToClose());
  arrivals.Note(RankAt(0, 29));
  EXPECT_FALSE(arrivals.IsTimeToClose());
  arrivals.Note(RankAt(0, 30));
  EXPECT_TRUE(arrivals.IsTimeToClose());
}

TEST(Arrivals, AnotherWindowIsCountedAnew) {
  Arrivals arrivals;
  arrivals.Await(0, kWindow, 1);
  arrivals.Note(RankAt(0, 10));
  EXPECT_TRUE(arrivals.IsTimeToClose());
  EXPECT_TRUE(arrivals.Await(10, kWindow, 1));
  EXPECT_FALSE(arrivals.IsTimeToClose());
  arrivals.Note(RankAt(0, 20));
  EXPECT_TRUE(arrivals.IsTimeToClose());
  EXPECT_TRUE(arrivals.Await(10, kWindow, 2));
  EXPECT_FALSE(arrivals.IsTimeToClose());
  arrivals.Forget();
  EXPECT_TRUE(arrivals.Await(10, kWindow, 2));
}

// Records of ranks that come, jump, fall back and begin again, in random order.
class Crowd {
 public:
  explicit Crowd(uint32_t seed) : random_(seed) {}

  // Changes one rank; notes it if it is counted.
  void Move(Arrivals& arrivals) {
    const uint32_t rank = random_() % (kRanks + 1);  // One may be beyond the world.
    RankRecord& record = records_[rank];
    if (record.epoch == 0 || random_() % 12 == 0) {
      const uint64_t step = random_() % 3 == 0 ? newest_ : newest_ - random_() % (newest_ + 1);
      BeginRank({"r", 1, 0, rank, ++incarnation_, 0}, HelloOf("i", kRanks, step), end_, kWindow,
                record);
    } else {
      newest_ += random_() % 20 == 0 ? random_() % 300 : random_() % 4;
      MergeSnapshot(SnapshotAt(newest_ - std::min<uint64_t>(newest_, random_() % 15)), end_,
                    kWindow, record);
    }
    arrivals.Note(record);
  }
  // Closes one window if it is due.
  void Close() {
    std::map<uint32_t, RankRecord*> ranks;
    for (auto& [rank, record] : records_) ranks[rank] = &record;
    if (const auto window = CloseNextWindow(end_, kWindow, kRanks, ranks)) end_ = window->last_step;
  }
  const Records& records() const { return records_; }
  uint64_t end() const { return end_; }

 private:
  std::mt19937 random_;
  Records records_;
  uint64_t end_ = 0;
  uint64_t newest_ = 1;
  uint64_t incarnation_ = 0;
};

TEST(Arrivals, SayWhatALookAtAllRanksSays) {
  int due = 0;
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    Crowd crowd(seed);
    Arrivals arrivals;
    for (int i = 0; i < 300; ++i) {
      if (arrivals.Await(crowd.end(), kWindow, kRanks)) {
        for (const auto& [rank, record] : crowd.records()) arrivals.Note(record);
      }
      const bool expected = IsDue(crowd.end(), kRanks, crowd.records());
      ASSERT_EQ(arrivals.IsTimeToClose(), expected) << "seed " << seed << ", change " << i;
      due += expected ? 1 : 0;
      // Changes of a window that is due are counted, too.
      if (expected && i % 3 > 0) crowd.Close();
      crowd.Move(arrivals);
    }
  }
  EXPECT_GT(due, 2000);
}

// A run's ranks as the store has them.
class RunOfMany {
 public:
  explicit RunOfMany(uint32_t seed) : random_(seed) {}

  void Greet(uint32_t rank) {
    Identity identity{"r", epoch_, generation_, rank, ++incarnation_, 0};
    // Some come back where the others are by now.
    const uint64_t start = random_() % 4 == 0 ? std::max(start_, newest_) : start_;
    const Hello hello = HelloOf(instance_, world_, start);
    const auto before = std::exchange(sinks_[rank], std::make_shared<FakeSink>());
    Apply(StreamMessage{sinks_[rank], {identity, hello}});
    if (before != nullptr) Apply(StreamClosed{before});
    if (!sinks_[rank]->replies.empty()) epoch_ = sinks_[rank]->replies[0].lease_epoch;
    identities_[rank] = identity;
    identities_[rank].lease_epoch = epoch_;
  }
  // All ranks go on from `start`, as many as there are then; or train anew.
  void Restart(uint32_t world, bool anew) {
    for (auto& [rank, sink] : sinks_) Apply(StreamClosed{sink});
    sinks_.clear();
    world_ = world;
    generation_ = anew ? 0 : generation_ + 1;
    start_ = anew ? 0 : newest_ - random_() % (newest_ + 1);
    newest_ = std::max<uint64_t>(start_, 1);
    if (anew) {
      instance_ += "'";
      epoch_ = 0;
    }
    for (uint32_t rank = 0; rank < world_; ++rank) {
      if (random_() % 6 > 0) Greet(rank);
    }
  }
  // True if a rank came further by a snapshot; one that says nothing new leads to no look.
  bool Move() {
    if (random_() % 60 == 0) Restart(1 + random_() % kRanks, random_() % 3 == 0);
    const uint32_t rank = random_() % world_;
    if (!sinks_.contains(rank) || random_() % 15 == 0) {
      Greet(rank);
      return false;
    }
    newest_ += random_() % 20 == 0 ? random_() % 300 : random_() % 4;
    const uint64_t before = records_[rank].last_step;
    Identity& identity = identities_[rank];
    ++identity.seq;
    Apply(StreamMessage{sinks_[rank],
                        {identity, SnapshotAt(newest_ - std::min(newest_ - 1, Lag()))}});
    EXPECT_TRUE(sinks_[rank]->refusals.empty()) << sinks_[rank]->refusals[0];
    return records_[rank].last_step > before;
  }
  bool IsDue() const { return sluice::sidecar::IsDue(run_.window_end, world_, records_); }
  uint64_t windows() const { return run_.windows; }

 private:
  uint64_t Lag() { return random_() % (random_() % 4 == 0 ? 90 : 15); }
  void Apply(const Command& command) {
    engine_.Apply(command, outbox_);
    const Changes changes = engine_.PendingChanges();
    engine_.Committed();
    outbox_.Send();
    if (!changes.cleared_runs.empty()) records_.clear();
    for (const RunRecord& run : changes.runs) run_ = run;
    for (const RankRecord& rank : changes.ranks) records_[rank.rank] = rank;
  }

  std::mt19937 random_;
  Engine engine_{{}, {}};
  Outbox outbox_;
  std::map<uint32_t, std::shared_ptr<FakeSink>> sinks_;
  std::map<uint32_t, Identity> identities_;
  RunRecord run_;
  Records records_;
  std::string instance_ = "i";
  uint64_t epoch_ = 0;
  uint32_t generation_ = 0;
  uint64_t incarnation_ = 0;
  uint32_t world_ = kRanks;
  uint64_t start_ = 0;
  uint64_t newest_ = 1;
};

// It was counted at its return, not by a snapshot of its own.
TEST(Arrivals, ARankThatComesBackFarAheadEndsTheWindowOfThoseBehind) {
  Bench bench;
  std::shared_ptr<FakeSink> sinks[3];
  for (uint32_t rank = 0; rank < 3; ++rank) {
    sinks[rank] = bench.Greet({"r", 0, 0, rank, 1, 0}, HelloOf("i", 3));
  }
  bench.Send(sinks[0], {"r", 0, 0, 0, 1, 1}, SnapshotAt(5));
  bench.Greet({"r", 1, 0, 2, 2, 0}, HelloOf("i", 3, 35));
  EXPECT_TRUE(bench.windows.empty());
  bench.Send(sinks[0], {"r", 0, 0, 0, 1, 2}, SnapshotAt(6));
  EXPECT_FALSE(bench.windows.empty());
}

TEST(Arrivals, ARunLeavesNoWindowOpenThatIsDue) {
  uint64_t windows = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    RunOfMany run(seed);
    for (int i = 0; i < 400; ++i) {
      if (run.Move()) {
        ASSERT_FALSE(run.IsDue()) << "seed " << seed << ", message " << i;
      }
    }
    windows += run.windows();
  }
  EXPECT_GT(windows, 1000u);
}

}  // namespace
}  // namespace sluice::sidecar

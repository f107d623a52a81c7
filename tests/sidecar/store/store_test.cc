#include "sidecar/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { std::filesystem::remove_all(folder_); }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  static Changes SomeChanges() {
    Changes changes;
    RunRecord run;
    run.run = "r";
    run.world_size = 2;
    run.epoch = 3;
    run.holder = "i";
    run.window_end = 20;
    run.windows = run.journal = 1;
    run.gates = {{testing::kLayer, "head", "threshold", 0.3, 0.25}};
    ReconcileSteering(run);
    run.steering[0].ema_mean = 0.1 + 0.2;
    run.newest.loss = 1.0 / 3.0;
    run.probes["old"] = {20, 0.01, 0.02, 3, 1};
    run.in_force = Directive{};
    run.in_force->version = 7;
    changes.runs.push_back(run);
    RankRecord rank;
    rank.run = "r";
    rank.rank = 1;
    rank.epoch = 3;
    rank.incarnation = 1700000000000000000u;
    rank.seq = 25;
    rank.last_step = 25;
    rank.counters = testing::CountersAt(25);
    rank.marks[20] = {20, testing::CountersAt(20)};
    changes.ranks.push_back(rank);
    WindowRecord window;
    window.run = "r";
    window.serial = 1;
    window.first_step = 11;
    window.last_step = 20;
    window.layers.push_back({testing::kLayer, 0.3, 0.25, 0.5, 0.5, 0.0, 0.4});
    window.reason = "because";
    changes.windows.push_back(window);
    changes.directives.push_back(*run.in_force);
    JournalRecord entry;
    entry.run = "r";
    entry.serial = 1;
    changes.journal.push_back(entry);
    changes.events.push_back({"r", {"probe", "old", 20, "{}", ProbeCheck{20, 0.01, 0.0}, false}});
    return changes;
  }

  const std::string folder_ =
      (std::filesystem::temp_directory_path() / ("sluice_store_" + std::to_string(getpid())))
          .string();
};

TEST_F(StoreTest, WhatWasCommittedIsReadBackExactly) {
  const Changes changes = SomeChanges();
  {
    auto store = Store::Open(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(store->Commit(changes).ok());
    ASSERT_TRUE(store->Commit(changes).ok());
  }
  auto store = Store::Open(folder_);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto state = store->Load();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->runs, changes.runs);
  EXPECT_EQ(state->ranks, changes.ranks);
  EXPECT_EQ(state->windows, changes.windows);
}

TEST_F(StoreTest, OfMapsThoseThatAreKeptAreReadBack) {
  const auto commit = [](Store& store, uint64_t step, uint64_t oldest) {
    Changes changes;
    const std::string body = absl::StrCat(R"({"step":")", step, R"("})");
    changes.maps.push_back({"r", {kTokenMapEvent, "", step, body}, oldest});
    if (step == 10) changes.maps.push_back({"s", {kTokenMapEvent, "", step, body}, oldest});
    ASSERT_TRUE(store.Commit(changes).ok());
  };
  const auto steps = [](const StoredState& state, const std::string& run) {
    std::vector<uint64_t> steps;
    for (const EventRecord& map : state.maps) {
      if (map.run == run) steps.push_back(map.event.step);
    }
    return steps;
  };
  using Steps = std::vector<uint64_t>;
  Changes both = SomeChanges();
  both.runs.push_back(both.runs[0]);
  both.runs[1].run = "s";
  auto store = Store::Open(folder_);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(store->Commit(both).ok());
  for (uint64_t step = 10; step <= 40; step += 10) commit(*store, step, 0);
  EXPECT_EQ(steps(*store->Load(), "r"), (Steps{10, 20, 30, 40}));
  commit(*store, 50, 30);
  EXPECT_EQ(steps(*store->Load(), "r"), (Steps{30, 40, 50}));
  commit(*store, 40, 30);  // The run went back.
  const StoredState state = *store->Load();
  EXPECT_EQ(steps(state, "r"), (Steps{30, 40}));
  EXPECT_EQ(steps(state, "s"), (Steps{10}));
  EXPECT_EQ(state.maps[0].event.body, R"({"step":"30"})");
  Changes bad;
  bad.maps.push_back({"r", {kTokenMapEvent, "", 60, "<script>"}, 30});
  ASSERT_TRUE(store->Commit(bad).ok());
  const absl::Status status = store->Load().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a map of open patches cannot be read"));
}

TEST_F(StoreTest, ASecondSidecarIsTurnedAway) {
  const auto first = Store::Open(folder_);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(std::string(Store::Open(folder_).status().message()),
              HasSubstr("in use by another sidecar"));
}

TEST_F(StoreTest, ACorruptFileIsSetAsideAndKept) {
  ASSERT_TRUE(MakeFolder(folder_).ok());
  const std::string garbage(4096, 'x');
  for (const char* name : {"sluice.db.corrupt-1", "sluice.db.corrupt-2"}) {
    ASSERT_TRUE(WriteFileAtomically(folder_ + "/sluice.db", garbage).ok());
    const auto store = Store::Open(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(*ReadFile(folder_ + "/" + name), garbage);
    ASSERT_EQ(store->quarantines().size(), 1u);
    EXPECT_EQ(store->quarantines()[0].file, name);
    EXPECT_THAT(store->quarantines()[0].reason, HasSubstr("not a database"));
    EXPECT_FALSE(store->quarantines()[0].acknowledged);
  }
}

TEST_F(StoreTest, ATruncatedFileIsSetAsideAndItsEpochIsNotGivenAgain) {
  {
    auto store = Store::Open(folder_);
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE(store->Commit(SomeChanges()).ok());
  }
  const std::string path = folder_ + "/sluice.db";
  for (const auto size : {std::filesystem::file_size(path) / 2, uintmax_t{0}}) {
    std::filesystem::resize_file(path, size);
    auto store = Store::Open(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_EQ(store->quarantines().size(), 1u);
    const auto state = store->Load();
    EXPECT_TRUE(state->runs.empty());
    EXPECT_EQ(state->epoch_floor, 3u);
    ASSERT_TRUE(store->Commit(SomeChanges()).ok());
  }
}

// The log's end is gone: to SQLite what is left is a sound, older state.
TEST_F(StoreTest, CommitsThatALogLostAreMissed) {
  const std::string crashed = folder_ + ".crashed";
  {
    auto store = Store::Open(folder_);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(store->Commit(SomeChanges()).ok());
    std::filesystem::remove_all(crashed);
    std::filesystem::copy(folder_, crashed);
  }
  const std::string log = crashed + "/sluice.db-wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 1);
  {
    const auto store = Store::Open(crashed);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_EQ(store->quarantines().size(), 1u);
    EXPECT_THAT(store->quarantines()[0].reason, HasSubstr("the last ones are lost"));
    EXPECT_TRUE(std::filesystem::exists(crashed + "/sluice.db.corrupt-1-wal"));
  }
  std::filesystem::remove_all(crashed);
}

// No page is broken: a value is another.
TEST_F(StoreTest, AFlippedBitInsideAValueIsFound) {
  {
    auto store = Store::Open(folder_);
    ASSERT_TRUE(store->Commit(SomeChanges()).ok());
  }
  const std::string path = folder_ + "/sluice.db";
  std::string bytes = *ReadFile(path);
  const size_t at = bytes.find("because");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  const auto store = Store::Open(folder_);
  ASSERT_EQ(store->quarantines().size(), 1u);
  EXPECT_THAT(store->quarantines()[0].reason, HasSubstr("rows are not what was written"));
  EXPECT_EQ(*ReadFile(folder_ + "/sluice.db.corrupt-1"), bytes);
}

TEST_F(StoreTest, AnAcknowledgedQuarantineStaysAcknowledged) {
  ASSERT_TRUE(MakeFolder(folder_).ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ + "/sluice.db", std::string(4096, 'x')).ok());
  Changes changes;
  changes.acknowledge_quarantine = true;
  ASSERT_TRUE(Store::Open(folder_)->Commit(changes).ok());
  const auto store = Store::Open(folder_);
  ASSERT_EQ(store->quarantines().size(), 1u);
  EXPECT_TRUE(store->quarantines()[0].acknowledged);
}

TEST_F(StoreTest, AFileOfAnotherProgramIsRefused) {
  ASSERT_TRUE(MakeFolder(folder_).ok());
  {
    auto database = Database::Open(folder_ + "/sluice.db");
    ASSERT_TRUE(database->Execute("CREATE TABLE t(x)").ok());
  }
  EXPECT_EQ(Store::Open(folder_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, ClearingDeletesOnlyTheRunsRanks) {
  auto store = Store::Open(folder_);
  ASSERT_TRUE(store->Commit(SomeChanges()).ok());
  Changes clear;
  clear.cleared_runs = {"r"};
  ASSERT_TRUE(store->Commit(clear).ok());
  const auto state = store->Load();
  EXPECT_TRUE(state->ranks.empty());
  EXPECT_EQ(state->runs.size(), 1u);
}

}  // namespace
}  // namespace sluice::sidecar

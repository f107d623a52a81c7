// What a crash at any operation on files leaves of a folder of checkpoints, and a full disk.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/worker/checkpoint/file_faults.h"
#include "tests/worker/checkpoint/make_state.h"
#include "worker/checkpoint/saver.h"

namespace sluice::checkpoint {
namespace {

using file_faults::Crash;

TrainTensors Filled(double value) {
  TrainTensors t;
  t.model = {{"head.weight", torch::full({30, 40}, value)}};
  t.first_moments = {{"head.weight", torch::full({30, 40}, value)}};
  return t;
}

TrainState At(uint64_t step) {
  TrainState state = testing::MakeState();
  state.step = step;
  state.healthy_step = 0;
  return state;
}

class CrashTest : public ::testing::TestWithParam<Crash> {
 protected:
  // A folder whose only checkpoint is of `step` and filled with 1.
  std::string Folder(uint64_t step) {
    const std::string path = folder_.Path("run" + std::to_string(++runs_));
    SLUICE_CHECK(MakeFolder(path).ok());
    SLUICE_CHECK(SaveCheckpoint(path + "/" + CheckpointName(step), At(step), Filled(1)).ok());
    return path;
  }
  // Saves step 20, filled with 2, in a process that crashes at `operation`. The number of
  // operations if it came to its end, else -1.
  static int Save(const std::string& path, int64_t operation) {
    const pid_t child = ::fork();
    if (child == 0) {
      file_faults::CrashAt(operation, GetParam(), path);
      Saver saver(path, /*asynchronous=*/false);
      saver.Start(At(20), Filled(2), {.last = 1});
      const bool ok = saver.Finish()->status.ok();
      file_faults::LoseTheRest();  // The power may fail behind the last operation, too.
      ::_exit(ok ? static_cast<int>(file_faults::Operations()) : 99);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    const int code = WEXITSTATUS(status);
    EXPECT_NE(code, 99) << "it could not be saved";
    return code == file_faults::kCrashed ? -1 : code;
  }
  // What loads: 1, the old one; 2, the new one; 0: something else.
  static int Loads(const std::string& path, uint64_t old_step) {
    const auto newest = LoadNewest(path);
    EXPECT_TRUE(newest.ok()) << newest.status();
    if (!newest.ok() || !newest->has_value()) return 0;
    const TrainTensors tensors = Filled(0);
    EXPECT_TRUE(LoadTensors((*newest)->file, tensors).ok());
    const double value = tensors.model[0].second[0][0].item<double>();
    const bool same = tensors.model[0].second.equal(Filled(value).model[0].second) &&
                      tensors.first_moments[0].second.equal(Filled(value).model[0].second);
    const uint64_t expected = value == 1 ? old_step : 20;
    return same && (*newest)->state.step == expected ? static_cast<int>(value) : 0;
  }
  // Crashes at each operation in turn.
  void EverywhereFrom(uint64_t old_step) {
    int points = 0;
    int before = 1;
    for (int64_t operation = 0;; ++operation) {
      const std::string path = Folder(old_step);
      const int operations = Save(path, operation);
      const int found = Loads(path, old_step);
      EXPECT_TRUE(found == 1 || found == 2) << "operation " << operation;
      EXPECT_GE(found, before) << "what was durable is lost by operation " << operation;
      before = found;
      // Whoever goes on next is not disturbed by what is left, and can save the same again.
      ASSERT_TRUE(SetAsideBehind(path, found == 2 ? 20 : old_step).ok());
      EXPECT_EQ(ListCheckpoints(path).empty(), false);
      for (const auto& entry : std::filesystem::directory_iterator(path))
        EXPECT_EQ(entry.path().string().find(".tmp."), std::string::npos) << entry.path();
      if (operations >= 0) break;
      ++points;
    }
    EXPECT_EQ(before, 2);
    // Opening, several writes, fsync, rename, fsync of the folder.
    EXPECT_GE(points, 7);
    std::printf("crashes injected: %d, survived: %d\n", points, points);
  }
  TemporaryFolder folder_;
  int runs_ = 0;
};

TEST_P(CrashTest, TheOldOrTheNewOneLoads) { EverywhereFrom(10); }

TEST_P(CrashTest, TheSameStepIsReplacedAsAWhole) { EverywhereFrom(20); }

INSTANTIATE_TEST_SUITE_P(Kinds, CrashTest,
                         ::testing::Values(Crash::kProcess, Crash::kPower, Crash::kPowerNames,
                                           Crash::kPowerRenames));

TEST(FullDiskTest, TheOldOneStaysWholeWhereverTheSpaceEnds) {
  const TemporaryFolder folder;
  Saver saver(folder.path(), /*asynchronous=*/true);
  saver.Start(At(10), Filled(1), {.last = 1});
  const uint64_t bytes = saver.Finish()->bytes;
  ASSERT_GT(bytes, 9000u);
  for (const uint64_t space : {uint64_t{0}, uint64_t{1}, bytes / 2, bytes - 1}) {
    file_faults::Fill(folder.path(), space);
    saver.Start(At(20), Filled(2), {.last = 1});
    const std::optional<Saved> saved = saver.Finish();
    file_faults::Fill("", 0);
    EXPECT_TRUE(Says(saved->status, absl::StatusCode::kResourceExhausted,
                     {CheckpointName(20), "No space left"}));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << space;
    const auto newest = LoadNewest(folder.path());
    ASSERT_TRUE(newest.ok() && newest->has_value()) << newest.status();
    EXPECT_EQ((*newest)->state.step, 10u);
  }
  saver.Start(At(20), Filled(2), {.last = 1});
  EXPECT_TRUE(saver.Finish()->status.ok());
  EXPECT_EQ(ListCheckpoints(folder.path()), (std::vector<std::string>{CheckpointName(20)}));
}

TEST(SaverTest, TrainingWaitsForTheCopyAlone) {
  const TemporaryFolder folder;
  TrainTensors tensors = Filled(3);
  TrainState state = At(20);
  Saver saver(folder.path(), /*asynchronous=*/true);
  file_faults::HoldOpen(CheckpointName(20));
  saver.Start(state, tensors, {.last = 1});
  ASSERT_TRUE(WaitUntil([] { return file_faults::IsHolding(); }));
  // The disk hangs; the next step changes everything.
  EXPECT_FALSE(saver.Poll().has_value());
  EXPECT_TRUE(saver.is_busy());
  tensors.model[0].second.fill_(4);
  tensors.first_moments[0].second.fill_(4);
  state.step = 21;
  EXPECT_TRUE(ListCheckpoints(folder.path()).empty());
  file_faults::Release();
  std::optional<Saved> saved;
  EXPECT_TRUE(WaitUntil([&] { return (saved = saver.Poll()).has_value(); }));
  ASSERT_TRUE(saved && saved->status.ok());
  EXPECT_FALSE(saver.Finish().has_value()) << "taken before";
  EXPECT_EQ(saved->step, 20u);
  EXPECT_EQ(saved->name, CheckpointName(20));
  EXPECT_EQ(saved->bytes, std::filesystem::file_size(folder.Path(saved->name)));
  const auto newest = LoadNewest(folder.path());
  ASSERT_TRUE(newest.ok() && newest->has_value());
  const TrainTensors loaded = Filled(0);
  ASSERT_TRUE(LoadTensors((*newest)->file, loaded).ok());
  EXPECT_TRUE(loaded.model[0].second.equal(Filled(3).model[0].second));
  EXPECT_TRUE(loaded.first_moments[0].second.equal(Filled(3).model[0].second));
}

}  // namespace
}  // namespace sluice::checkpoint

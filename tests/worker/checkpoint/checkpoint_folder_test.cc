#include "worker/checkpoint/checkpoint_folder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/checkpoint/make_state.h"
#include "worker/checkpoint/checksum.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::checkpoint {
namespace {

using Names = std::vector<std::string>;
using Steps = std::vector<uint64_t>;

class CheckpointFolderTest : public ::testing::Test {
 protected:
  std::string PathOf(uint64_t step) const { return folder_.Path(CheckpointName(step)); }
  std::string Save(uint64_t step) {
    TrainState state = testing::MakeState();
    state.step = step;
    TrainTensors tensors;
    tensors.model = {{"head.weight", torch::full({5, 7}, static_cast<double>(step))}};
    EXPECT_TRUE(SaveCheckpoint(PathOf(step), state, tensors).ok());
    return *ReadFile(PathOf(step));
  }
  // Step of what loads; -1: nothing.
  int64_t Newest() {
    const auto newest = LoadNewest(folder_.path());
    EXPECT_TRUE(newest.ok()) << newest.status();
    if (!newest.ok() || !newest->has_value()) return -1;
    EXPECT_EQ((*newest)->path, PathOf((*newest)->state.step));
    return static_cast<int64_t>((*newest)->state.step);
  }
  void Write(uint64_t step, const std::string& bytes) {
    folder_.Write(CheckpointName(step), bytes);
  }
  TemporaryFolder folder_;
};

TEST_F(CheckpointFolderTest, TheNewestLoads) {
  EXPECT_EQ(Newest(), -1);
  Save(10);
  Save(20);
  EXPECT_EQ(Newest(), 20);
}

TEST_F(CheckpointFolderTest, ATornOneIsPassedOverWithAWarningThatNamesIt) {
  Save(10);
  const std::string whole = Save(20);
  for (const size_t length : {size_t{0}, size_t{7}, size_t{100}, whole.size() - 1}) {
    Write(20, whole.substr(0, length));
    ::testing::internal::CaptureStderr();
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(Newest(), 10) << length;
    const std::string said =
        ::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout();
    for (const std::string part : {"checkpoint-00000020.safetensors", "passed over", "torn"})
      EXPECT_NE(said.find(part), std::string::npos) << said;
  }
}

// One bit of a byte; what still loads says the same as before.
TEST_F(CheckpointFolderTest, NoDamageOfOneBitChangesWhatLoads) {
  Save(10);
  const std::string whole = Save(20);
  size_t noticed = 0, damages = 0;
  ::testing::internal::CaptureStdout();  // A warning each.
  // A fifth of the header, and less of the rest.
  for (size_t i = 0; i < whole.size(); i += i < 4000 ? 5 : 101, ++damages) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 7)));
    Write(20, damaged);
    const auto newest = LoadNewest(folder_.path());
    ASSERT_TRUE(newest.ok() && newest->has_value()) << i << ": " << newest.status();
    if ((*newest)->state.step == 10) {
      ++noticed;
      continue;
    }
    testing::ExpectSameButCounters((*newest)->state, [] {
      TrainState state = testing::MakeState();
      state.step = 20;
      return state;
    }());
    const auto view = (*newest)->file.Get("model.head.weight");
    ASSERT_TRUE(view.ok()) << i;
    float first = 0;
    std::memcpy(&first, view->data.data(), sizeof(first));
    EXPECT_EQ(first, 20.0F) << i;
  }
  ::testing::internal::GetCapturedStdout();
  // All but for the checksum's own key and what JSON does not tell apart.
  EXPECT_GT(noticed, damages - 20);
}

TEST_F(CheckpointFolderTest, WithoutAWholeOneItIsAnErrorAndNotABeginning) {
  Save(10);
  Save(20);
  Write(10, "");
  Write(20, "{");
  EXPECT_TRUE(Says(LoadNewest(folder_.path()).status(), absl::StatusCode::kDataLoss,
                   {"2 checkpoints", folder_.path()}));
}

TEST_F(CheckpointFolderTest, AnOlderVersionsWithoutAChecksumLoads) {
  const std::string path = PathOf(10);
  Save(10);
  const auto file = tensors::SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok());
  std::vector<tensors::NamedTensor> all;
  std::vector<std::string> bytes;
  for (const std::string& name : file->names()) {
    const auto view = file->Get(name).value();
    bytes.emplace_back(view.data);
    all.push_back({name, view.dtype, view.shape, ""});
  }
  for (size_t i = 0; i < all.size(); ++i) all[i].data = bytes[i];
  std::map<std::string, std::string> metadata = file->metadata();
  ASSERT_EQ(metadata.at(kChecksumKey).size(), 8u);
  metadata.erase(kChecksumKey);
  ASSERT_TRUE(tensors::WriteSafetensors(path, all, metadata).ok());
  EXPECT_EQ(Newest(), 10);
  // With one it must be right.
  metadata[kChecksumKey] = "00000000";
  ASSERT_TRUE(tensors::WriteSafetensors(path, all, metadata).ok());
  EXPECT_TRUE(Says(LoadNewest(folder_.path()).status(), absl::StatusCode::kDataLoss, {"none"}));
}

TEST_F(CheckpointFolderTest, AWholeFileOfAnotherFormatIsAnError) {
  Save(10);
  ASSERT_TRUE(tensors::WriteSafetensors(PathOf(20), {}, {{"format", "pt"}}).ok());
  EXPECT_TRUE(SaysInvalid(LoadNewest(folder_.path()).status(), {"not a checkpoint", PathOf(20)}));
}

TEST_F(CheckpointFolderTest, WhatIsBehindIsSetAsideAndUnfinishedFilesGo) {
  Save(10);
  Save(20);
  Write(30, "torn");
  folder_.Write(CheckpointName(40) + ".tmp.123", "half");
  folder_.Write("model.safetensors", "weights");
  ASSERT_TRUE(SetAsideBehind(folder_.path(), 20).ok());
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(10), CheckpointName(20)}));
  EXPECT_EQ(*ReadFile(PathOf(30) + ".corrupt"), "torn");
  EXPECT_FALSE(std::filesystem::exists(PathOf(40) + ".tmp.123"));
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("model.safetensors")));
}

TEST_F(CheckpointFolderTest, PruningKeepsTheNewestAndTouchesNothingElse) {
  for (const uint64_t step : {5, 10, 15, 20}) Write(step, "");
  folder_.Write("checkpoint-best.safetensors", "");
  folder_.Write("decisions.jsonl", "");
  ASSERT_TRUE(PruneCheckpoints(folder_.path(), {.last = 2}).ok());
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(15), CheckpointName(20)}));
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("checkpoint-best.safetensors")));
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("decisions.jsonl")));
  ASSERT_TRUE(PruneCheckpoints(folder_.path(), {.last = 2}).ok());
  EXPECT_EQ(ListCheckpoints(folder_.path()).size(), 2u);
}

TEST_F(CheckpointFolderTest, PruningSparesTheHealthyOne) {
  for (const uint64_t step : {5, 10, 15, 20}) Write(step, "");
  ASSERT_TRUE(PruneCheckpoints(folder_.path(), {.last = 1, .healthy_step = 10}).ok());
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(10), CheckpointName(20)}));
}

TEST(RetentionTest, TheBestAndTheHealthyOneStayBesideTheNewest) {
  const Steps steps = {1, 2, 3, 4, 5, 6};
  Retention keep{
      .last = 2,
      .best = 2,
      .healthy_step = 0,
  };
  EXPECT_EQ(StepsToRemove(steps, keep), (Steps{1, 2, 3, 4})) << "none was evaluated";
  keep.accuracies = {{1, 0.5}, {2, 0.9}, {3, 0.7}, {4, 0.6}, {9, 1.0}};
  EXPECT_EQ(StepsToRemove(steps, keep), (Steps{1, 4}));
  keep.healthy_step = 1;
  EXPECT_EQ(StepsToRemove(steps, keep), (Steps{4}));
  keep.awaited_step = 4;
  EXPECT_EQ(StepsToRemove(steps, keep), (Steps{}));
  // One may be among the newest and the best; of equals the newer is better.
  keep = {.last = 1, .best = 1, .healthy_step = 0, .accuracies = {{2, 0.9}, {4, 0.9}, {6, 0.9}}};
  EXPECT_EQ(StepsToRemove(steps, keep), (Steps{1, 2, 3, 4, 5}));
  keep.accuracies.erase(6);
  EXPECT_EQ(StepsToRemove(steps, keep), (Steps{1, 2, 3, 5}));
  EXPECT_TRUE(StepsToRemove({}, keep).empty());
  EXPECT_TRUE(StepsToRemove({7}, keep).empty());
}

}  // namespace
}  // namespace sluice::checkpoint

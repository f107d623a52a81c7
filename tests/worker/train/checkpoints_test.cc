#include "worker/train/checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/common/temporary_folder.h"
#include "tests/worker/train/one_rank.h"
#include "tests/worker/train/overheard_publisher.h"

namespace sluice::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The second of three checkpoints finds no folder to be in.
TEST(CheckpointsTest, WhatCannotBeSavedIsToldAndTheOneBeforeStays) {
  const TemporaryFolder folder;
  testing::OneRank rank(testing::SmallRun(folder.Path("run"), 10));
  rank.config.checkpoint_asynchronous = false;
  absl::StatusOr<dist::Group> group = dist::Group::Alone();
  ASSERT_TRUE(group.ok()) << group.status();
  testing::OverheardPublisher overheard;
  checkpoint::TrainState state;
  Checkpoints saves(&rank.config, &*group, overheard.publisher(), state);
  const auto save = [&](uint64_t step) {
    state.step = step;
    saves.Start(state, CheckpointTensors(rank.assembly), /*well=*/true);
    ASSERT_TRUE(saves.Settle().ok());
  };
  std::filesystem::create_directory(rank.config.run_folder);
  save(5);
  EXPECT_EQ(saves.saved_step(), 5);
  EXPECT_TRUE(saves.failure().ok());
  std::filesystem::rename(rank.config.run_folder, folder.Path("away"));
  save(10);
  EXPECT_EQ(saves.saved_step(), 5);
  EXPECT_EQ(saves.newest(), "checkpoint-00000005.safetensors");
  EXPECT_FALSE(saves.failure().ok());
  std::filesystem::rename(folder.Path("away"), rank.config.run_folder);
  save(15);
  EXPECT_EQ(saves.saved_step(), 15);
  EXPECT_TRUE(saves.failure().ok());
  const std::vector<std::string> heard = overheard.Heard();
  ASSERT_EQ(heard.size(), 3u);
  EXPECT_THAT(heard[0], HasSubstr("step: 5 name: \"checkpoint-00000005.safetensors\" bytes: "));
  EXPECT_THAT(heard[1], AllOf(HasSubstr("step: 10 name: \"checkpoint-00000010.safetensors\" error: "
                                        "\""),
                              HasSubstr("No such file or directory")));
  EXPECT_THAT(heard[2], HasSubstr("step: 15 name: \"checkpoint-00000015.safetensors\" bytes: "));
}

}  // namespace
}  // namespace sluice::train

#include "worker/train/go_on.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/one_rank.h"
#include "worker/train/run_state.h"

namespace sluice::train {
namespace {

using checkpoint::CheckpointName;
using checkpoint::TrainState;
using testing::OneRank;

// Saves what `rank` stands at as a checkpoint of `step`, with every weight of its model `value`.
void Save(OneRank& rank, uint64_t step, uint32_t generation, double value) {
  TrainState state;
  DescribeRun(rank.config, "", rank.datasets, state);
  state.step = step;
  state.generation = generation;
  CountSteps(*rank.assembly.optimizer, state);
  const checkpoint::TrainTensors tensors = CheckpointTensors(rank.assembly);
  const torch::NoGradGuard no_graph;
  for (const auto& [name, tensor] : tensors.model) torch::Tensor(tensor).fill_(value);
  const std::string path = rank.config.run_folder + "/" + CheckpointName(step);
  ASSERT_TRUE(checkpoint::SaveCheckpoint(path, state, tensors).ok());
}

double FirstWeight(OneRank& rank) {
  return CheckpointTensors(rank.assembly).model[0].second.flatten()[0].item<double>();
}

absl::StatusOr<TrainState> Go(OneRank& rank, dist::Group& group) {
  return GoOn(rank.config, rank.datasets.train->class_names(), group, rank.assembly);
}

class GoOnTest : public ::testing::Test {
 protected:
  std::unique_ptr<OneRank> Rank() const {
    return std::make_unique<OneRank>(testing::SmallRun(folder_.path(), 10));
  }
  // One start of the run's only rank.
  TrainState Start(OneRank& rank) {
    absl::StatusOr<dist::Group> group = dist::Group::Alone();
    EXPECT_TRUE(group.ok());
    absl::StatusOr<TrainState> state = Go(rank, *group);
    EXPECT_TRUE(state.ok()) << state.status();
    return std::move(state).value_or(TrainState());
  }
  std::string Generation() const { return ReadFile(folder_.Path("generation")).value_or(""); }

  const TemporaryFolder folder_;
};

TEST_F(GoOnTest, BeforeTheFirstCheckpointItIsTheStartAsANewGeneration) {
  const auto rank = Rank();
  EXPECT_EQ(Start(*rank).step, 0u);
  EXPECT_EQ(Generation(), "1\n");
  EXPECT_EQ(Start(*rank).generation, 2u) << "lost again, and started again";
}

TEST_F(GoOnTest, TheNewestCheckpointGivesItsStepAndWeights) {
  const auto saved = Rank(), rank = Rank();
  Save(*saved, 4, 0, 0.25);
  Save(*saved, 8, 0, 0.5);
  const TrainState state = Start(*rank);
  EXPECT_EQ(state.step, 8u);
  EXPECT_EQ(state.generation, 1u);
  EXPECT_EQ(FirstWeight(*rank), 0.5);
}

TEST_F(GoOnTest, TheGenerationIsAboveThatOfTheFileAndThatOfTheCheckpoint) {
  const auto rank = Rank();
  Save(*rank, 4, 6, 0.25);
  EXPECT_EQ(Start(*rank).generation, 7u) << "of a folder that came without the file";
  folder_.Write("generation", "11\n");
  EXPECT_EQ(Start(*rank).generation, 12u);
  folder_.Write("generation", "eleven\n");
  EXPECT_EQ(Start(*rank).generation, 7u) << "what is no number is passed over";
  EXPECT_EQ(Generation(), "7\n");
}

TEST_F(GoOnTest, ADamagedCheckpointIsSetAsideForTheOneBefore) {
  const auto saved = Rank(), rank = Rank();
  Save(*saved, 4, 0, 0.25);
  Save(*saved, 8, 0, 0.5);
  const std::string newest = folder_.Path(CheckpointName(8));
  std::string bytes = *ReadFile(newest);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(WriteFileAtomically(newest, bytes).ok());
  EXPECT_EQ(Start(*rank).step, 4u);
  EXPECT_EQ(FirstWeight(*rank), 0.25);
  EXPECT_FALSE(std::filesystem::exists(newest));
  EXPECT_TRUE(std::filesystem::exists(newest + ".corrupt"));
}

TEST_F(GoOnTest, AnotherConfigurationIsRefusedAndNothingIsSetAside) {
  const auto saved = Rank(), rank = Rank();
  Save(*saved, 4, 0, 0.25);
  rank->config.train.batch = 16;
  absl::StatusOr<dist::Group> group = dist::Group::Alone();
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(Go(*rank, *group).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::exists(folder_.Path(CheckpointName(4))));
  EXPECT_EQ(Generation(), "");
}

TEST_F(GoOnTest, RanksThatFindTheSameGoOnAsOneGeneration) {
  std::unique_ptr<OneRank> ranks[] = {Rank(), Rank()};
  Save(*ranks[0], 4, 2, 0.25);
  dist::testing::RunRanks(2, [&](dist::Group& group) {
    const auto state = Go(*ranks[group.rank()], group);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(state->step, 4u);
    EXPECT_EQ(state->generation, 3u);
    EXPECT_EQ(FirstWeight(*ranks[group.rank()]), 0.25);
  });
}

TEST_F(GoOnTest, RanksThatFindDifferentOnesAllStop) {
  const TemporaryFolder elsewhere;
  std::unique_ptr<OneRank> ranks[] = {Rank(), Rank()};
  ranks[1]->config.run_folder = elsewhere.path();
  Save(*ranks[0], 8, 0, 0.5);
  Save(*ranks[1], 4, 0, 0.25);
  dist::testing::RunRanks(2, [&](dist::Group& group) {
    const absl::Status status = Go(*ranks[group.rank()], group).status();
    const bool first = group.rank() == 0;
    EXPECT_TRUE(Says(status, absl::StatusCode::kDataLoss,
                     {first ? "of step 8" : "of step 4",
                      first ? "rank 1 finds that of step 4" : "rank 0 finds that of step 8"}));
  });
}

}  // namespace
}  // namespace sluice::train

#include "worker/checkpoint/saver.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/common/temporary_folder.h"
#include "tests/worker/checkpoint/make_state.h"

namespace sluice::checkpoint {
namespace {

using Names = std::vector<std::string>;

TrainTensors Filled(double value) {
  TrainTensors tensors;
  tensors.model = {{"head.weight", torch::full({3, 4}, value)}};
  tensors.adapters = {{"head.lora", torch::full({2}, value, torch::kBFloat16)}};
  tensors.gate = {{"gate.2.head.weight", torch::full({3}, value, torch::kDouble)}};
  tensors.first_moments = {{"head.weight", torch::full({3, 4}, value)}};
  tensors.second_moments = {{"head.weight", torch::full({3, 4}, value)}};
  return tensors;
}

std::vector<const model::NamedTensors*> Roles(const TrainTensors& t) {
  return {&t.model, &t.adapters, &t.gate, &t.first_moments, &t.second_moments};
}

TrainState At(uint64_t step) {
  TrainState state = testing::MakeState();
  state.step = step;
  return state;
}

TEST(CopyTensors, SharesNothingAndKeepsNamesTypesAndValues) {
  TrainTensors original = Filled(2);
  original.model[0].second.requires_grad_(true);
  const TrainTensors copy = CopyTensors(original);
  for (const auto* role : Roles(original)) {
    const torch::NoGradGuard no_graph;
    for (const auto& [name, tensor] : *role) torch::Tensor(tensor).fill_(3);
  }
  const TrainTensors expected = Filled(2);
  for (size_t i = 0; i < Roles(copy).size(); ++i) {
    const auto& [name, tensor] = (*Roles(copy)[i])[0];
    EXPECT_EQ(name, (*Roles(expected)[i])[0].first);
    EXPECT_TRUE(tensor.equal((*Roles(expected)[i])[0].second)) << name;
    EXPECT_EQ(tensor.scalar_type(), (*Roles(expected)[i])[0].second.scalar_type()) << name;
    EXPECT_FALSE(tensor.requires_grad()) << name;
  }
}

TEST(CopyTensors, OfAViewIsItsValues) {
  TrainTensors original = Filled(0);
  const torch::Tensor whole = torch::arange(12, torch::kFloat).reshape({3, 4});
  original.model[0].second = whole.t();
  EXPECT_TRUE(CopyTensors(original).model[0].second.equal(whole.t()));
}

class SaverKinds : public ::testing::TestWithParam<bool> {
 protected:
  const TemporaryFolder folder_;
};

TEST_P(SaverKinds, EachOutcomeIsTakenOnce) {
  Saver saver(folder_.path(), GetParam());
  EXPECT_FALSE(saver.is_busy());
  EXPECT_FALSE(saver.Poll().has_value());
  EXPECT_FALSE(saver.Finish().has_value());
  saver.Start(At(7), Filled(1), {});
  EXPECT_TRUE(saver.is_busy());
  const std::optional<Saved> saved = saver.Finish();
  ASSERT_TRUE(saved.has_value());
  EXPECT_TRUE(saved->status.ok()) << saved->status;
  EXPECT_EQ(saved->step, 7u);
  EXPECT_EQ(saved->name, CheckpointName(7));
  EXPECT_EQ(saved->bytes, std::filesystem::file_size(folder_.Path(saved->name)));
  EXPECT_GT(saved->write_seconds, 0.0);
  EXPECT_EQ(saved->copy_seconds > 0.0, GetParam()) << "only beside training there is a copy";
  EXPECT_FALSE(saver.is_busy());
  EXPECT_FALSE(saver.Finish().has_value());
}

TEST_P(SaverKinds, OldOnesGoWhenTheNewOneIsThere) {
  Saver saver(folder_.path(), GetParam());
  Retention keep;
  keep.last = 2;
  keep.healthy_step = 1;
  for (uint64_t step = 1; step <= 5; ++step) {
    saver.Start(At(step), Filled(static_cast<double>(step)), keep);
    EXPECT_TRUE(saver.Finish()->status.ok());
  }
  EXPECT_EQ(ListCheckpoints(folder_.path()),
            (Names{CheckpointName(1), CheckpointName(4), CheckpointName(5)}));
}

TEST_P(SaverKinds, AFailureIsTheOutcomeAndTheNextCanSucceed) {
  const std::string later = folder_.Path("later");
  Saver saver(later, GetParam());
  saver.Start(At(3), Filled(1), {});
  const std::optional<Saved> failed = saver.Finish();
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->status.code(), absl::StatusCode::kNotFound) << failed->status;
  EXPECT_NE(failed->status.message().find(later), absl::string_view::npos) << failed->status;
  EXPECT_EQ(failed->step, 3u);
  EXPECT_EQ(failed->bytes, 0u);
  std::filesystem::create_directory(later);
  saver.Start(At(4), Filled(1), {});
  EXPECT_TRUE(saver.Finish()->status.ok());
  EXPECT_EQ(ListCheckpoints(later), Names{CheckpointName(4)});
}

TEST_P(SaverKinds, TheDestructorLeavesAWholeFile) {
  {
    Saver saver(folder_.path(), GetParam());
    saver.Start(At(9), Filled(5), {});
  }
  const auto newest = LoadNewest(folder_.path());
  ASSERT_TRUE(newest.ok() && newest->has_value()) << newest.status();
  EXPECT_EQ((*newest)->state.step, 9u);
  const TrainTensors loaded = Filled(0);
  ASSERT_TRUE(LoadTensors((*newest)->file, loaded).ok());
  EXPECT_TRUE(loaded.model[0].second.equal(Filled(5).model[0].second));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SaverKinds, ::testing::Bool());

TEST(SaverAtOnce, IsDoneWhenStartReturns) {
  const TemporaryFolder folder;
  Saver saver(folder.path(), /*asynchronous=*/false);
  saver.Start(At(2), Filled(1), {});
  EXPECT_EQ(ListCheckpoints(folder.path()), Names{CheckpointName(2)});
  EXPECT_TRUE(saver.Poll().has_value());
}

}  // namespace
}  // namespace sluice::checkpoint

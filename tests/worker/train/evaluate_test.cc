#include "worker/train/evaluate.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/common/says.h"
#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/small_model.h"

namespace sluice::train {
namespace {

using dist::testing::RunRanks;
using testing::MakeBatch;
using testing::MakeModel;
using testing::PatternDataset;
using testing::SmallGate;

constexpr uint64_t kSeed = 31;

std::vector<uint64_t> Ids(int64_t count) {
  std::vector<uint64_t> ids(count);
  std::iota(ids.begin(), ids.end(), 100);
  return ids;
}

// What Evaluate must say, from one forward of all images at once.
Evaluation Expected(GatedModel& model, const std::vector<uint64_t>& ids, bool gated) {
  const ModelBatch batch = MakeBatch(ids, {kSeed, 0}, torch::kDouble);
  GateDecision decision;
  const torch::Tensor logits = gated ? model.EvalGated(batch, &decision) : model.EvalDense(batch);
  const torch::Tensor log_p = torch::log_softmax(logits, 1);
  Evaluation result;
  result.images = static_cast<int64_t>(ids.size());
  result.accuracy = (logits.argmax(1) == batch.labels).to(torch::kDouble).mean().item<double>();
  result.loss = -log_p.gather(1, batch.labels.unsqueeze(1)).mean().item<double>();
  result.activation_rate =
      gated ? static_cast<double>(decision.tokens_open) / static_cast<double>(9 * ids.size()) : 1.0;
  return result;
}

void ExpectSame(const Evaluation& actual, const Evaluation& expected) {
  EXPECT_EQ(actual.images, expected.images);
  EXPECT_DOUBLE_EQ(actual.accuracy, expected.accuracy);
  EXPECT_NEAR(actual.loss, expected.loss, 1e-12);
  EXPECT_DOUBLE_EQ(actual.activation_rate, expected.activation_rate);
}

TEST(EvaluateTest, EveryImageCountsOnceOnAnyNumberOfRanks) {
  for (const auto& [images, ranks] : {std::pair{17, 1}, {17, 2}, {17, 3}, {2, 3}, {16, 2}}) {
    const std::vector<uint64_t> ids = Ids(images);
    std::vector<std::unique_ptr<GatedModel>> models;
    for (int r = 0; r < ranks; ++r)
      models.push_back(MakeModel(SmallGate(Mode::kDense, 0.6, false), torch::kDouble));
    for (const bool gated : {false, true}) {
      const Evaluation expected = Expected(*models[0], ids, gated);
      EXPECT_LT(expected.activation_rate, gated ? 0.7 : 1.1);
      RunRanks(ranks, [&](dist::Group& group) {
        const auto result = Evaluate(*models[group.rank()], std::make_shared<PatternDataset>(ids),
                                     {}, group, /*batch=*/4, gated, kSeed);
        ASSERT_TRUE(result.ok()) << result.status();
        ExpectSame(*result, expected);
      });
    }
  }
}

TEST(EvaluateTest, TheResultDoesNotDependOnTheBatchSize) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.6, false), torch::kDouble);
  const Evaluation expected = Expected(*model, Ids(11), true);
  auto group = dist::Group::Alone();
  ASSERT_TRUE(group.ok());
  for (const int64_t batch : {1, 5, 11, 100}) {
    const auto result =
        Evaluate(*model, std::make_shared<PatternDataset>(Ids(11)), {}, *group, batch, true, kSeed);
    ASSERT_TRUE(result.ok()) << result.status();
    ExpectSame(*result, expected);
  }
}

class BrokenDataset : public PatternDataset {
 public:
  BrokenDataset() : PatternDataset(Ids(6)) {}
  absl::StatusOr<data::Sample> Get(int64_t index) const override {
    if (index == 4) return absl::DataLossError("image 4 cannot be read");
    return PatternDataset::Get(index);
  }
};

TEST(EvaluateTest, AnImageThatCannotBeReadIsItsError) {
  const auto model = MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kFloat);
  auto group = dist::Group::Alone();
  ASSERT_TRUE(group.ok());
  const auto result =
      Evaluate(*model, std::make_shared<BrokenDataset>(), {}, *group, 2, false, kSeed);
  EXPECT_TRUE(
      Says(result.status(), absl::StatusCode::kDataLoss, {"step 2", "image 4 cannot be read"}));
}

TEST(EvaluateTest, ABatchBecomesTensorsOfTheModelsType) {
  data::Batch batch;
  batch.count = 2;
  batch.shape = {1, 2, 3};
  batch.images = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  batch.labels = {4, 1};
  batch.ids = {70, 80};
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    const ModelBatch result = ToModelBatch(batch, {3, 9}, torch::TensorOptions().dtype(type));
    EXPECT_TRUE(result.images.equal(torch::arange(12, type).reshape({2, 1, 2, 3})));
    EXPECT_TRUE(result.labels.equal(torch::tensor({4, 1}, torch::kLong)));
    EXPECT_EQ(result.ids, batch.ids);
    EXPECT_EQ(result.key.seed, 3u);
    EXPECT_EQ(result.key.step, 9u);
  }
}

TEST(EvaluateTest, AModeIsWhatIsMeasured) {
  const std::vector<uint64_t> ids = Ids(6);
  const auto model = MakeModel(SmallGate(Mode::kDense, 0.6, false), torch::kDouble);
  auto group = dist::Group::Alone();
  for (const std::string mode : {"dense", "gated", "both"}) {
    const auto found = EvaluateModes(*model, std::make_shared<PatternDataset>(ids), {}, *group, 4,
                                     mode, kSeed, "test: ");
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->dense.has_value(), mode != "gated");
    ASSERT_EQ(found->gated.has_value(), mode != "dense");
    if (found->dense) ExpectSame(*found->dense, Expected(*model, ids, false));
    if (found->gated) ExpectSame(*found->gated, Expected(*model, ids, true));
  }
}

}  // namespace
}  // namespace sluice::train

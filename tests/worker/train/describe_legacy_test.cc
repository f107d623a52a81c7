#include "worker/train/describe_legacy.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/worker/train/legacy_patterns.h"
#include "worker/train/probes.h"

namespace sluice::train {
namespace {

using testing::MakeModel;
using testing::PatternSet;
using testing::ProbePipeline;
using testing::SmallGate;

std::unique_ptr<GatedModel> DescribingModel(model::Pool pool = model::Pool::kClassToken) {
  return MakeModel(SmallGate(Mode::kCompact, 0.6, false), torch::kFloat, 0.0, pool);
}

torch::Tensor Rows(const std::vector<float>& values, int64_t rows) {
  return torch::tensor(values, torch::kFloat).reshape({rows, -1});
}

TEST(DescribeLegacyTest, LogitsAndLossesAreTheModelsOwnOnTheImagesAsTheyAre) {
  const auto model = DescribingModel();
  const torch::NoGradGuard no_graph;
  for (const int64_t batch : {1, 4, 100}) {
    legacy::LegacySet set = PatternSet(40, 9);
    const absl::Status status = DescribeLegacy(*model, ProbePipeline(), batch, set, nullptr);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(legacy::ValidateLegacySet(set).ok());
    const torch::Tensor expected = model->vit()->Forward(testing::ImagesOf(set, torch::kFloat));
    EXPECT_TRUE(Rows(set.logits, 9).allclose(expected, 1e-5, 1e-5));
    const torch::Tensor losses =
        testing::PlainCrossEntropy(expected, torch::tensor(set.labels, torch::kLong));
    EXPECT_TRUE(Rows(set.losses, 1)[0].allclose(losses, 1e-5, 1e-5));
    EXPECT_GT(losses.std().item<double>(), 1e-3) << "images differ";
  }
}

TEST(DescribeLegacyTest, FeaturesAreWhatTheClassifierSees) {
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    const auto model = DescribingModel(pool);
    legacy::LegacySet set = PatternSet(40, 7);
    std::vector<float> features;
    ASSERT_TRUE(DescribeLegacy(*model, ProbePipeline(), 3, set, &features).ok());
    const torch::NoGradGuard no_graph;
    const torch::Tensor rows = Rows(features, 7);
    ASSERT_EQ(rows.size(1), 16);
    const torch::Tensor logits = model->vit()->Classify(rows);
    EXPECT_TRUE(logits.allclose(Rows(set.logits, 7), 1e-5, 1e-5));
  }
}

TEST(DescribeLegacyTest, AskedAgainItSaysTheSame) {
  const auto model = DescribingModel();
  legacy::LegacySet set = PatternSet(40, 5);
  ASSERT_TRUE(DescribeLegacy(*model, ProbePipeline(), 2, set, nullptr).ok());
  const legacy::LegacySet first = set;
  ASSERT_TRUE(DescribeLegacy(*model, ProbePipeline(), 2, set, nullptr).ok());
  EXPECT_EQ(set.logits, first.logits);
  EXPECT_EQ(set.losses, first.losses);
  EXPECT_EQ(set.pixels, first.pixels);
}

TEST(DescribeLegacyTest, AProbeOfTheSameModelFindsNoRise) {
  const auto model = DescribingModel();
  legacy::LegacySet set = PatternSet(40, 20);
  ASSERT_TRUE(DescribeLegacy(*model, ProbePipeline(), 8, set, nullptr).ok());
  auto group = dist::Group::Alone();
  const auto findings = Probes({set}, ProbePipeline(), 8).Check(*model, *group);
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ((*findings)[0].delta(), 0.0);
  EXPECT_EQ((*findings)[0].standard_error, 0.0);
  EXPECT_EQ((*findings)[0].accuracy, set.baseline_accuracy());
}

TEST(DescribeLegacyTest, AModelWhoseLossIsNoNumberIsNotRemembered) {
  const auto model = DescribingModel();
  {
    const torch::NoGradGuard no_graph;
    model->vit()->head->bias[1] = std::nan("");
  }
  legacy::LegacySet set = PatternSet(40, 5, "fashion");
  EXPECT_TRUE(Says(DescribeLegacy(*model, ProbePipeline(), 2, set, nullptr),
                   absl::StatusCode::kDataLoss, {"'fashion'", "nan"}));
}

}  // namespace
}  // namespace sluice::train

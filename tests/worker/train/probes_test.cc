#include "worker/train/probes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>

#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/legacy_patterns.h"

namespace sluice::train {
namespace {

using dist::testing::RunRanks;
using testing::MakeModel;
using testing::PatternSet;
using testing::ProbePipeline;
using testing::SmallGate;

// What of a probe is known already: losses that are not the model's.
legacy::LegacySet ProbeOf(int64_t images, const std::string& name = "old") {
  legacy::LegacySet set = PatternSet(40, images, name);
  for (size_t i = 0; i < set.losses.size(); ++i)
    set.losses[i] = 1.0f + 0.25f * static_cast<float>(i % 4);
  return set;
}

std::unique_ptr<GatedModel> ProbedModel(torch::ScalarType type = torch::kDouble) {
  return MakeModel(SmallGate(Mode::kCompact, 0.6, false), type);
}

// By one forward of all images, and two-pass sums.
ProbeFinding ExpectedFinding(GatedModel& model, const legacy::LegacySet& set) {
  const torch::NoGradGuard no_graph;
  const torch::Tensor logits =
      model.vit()->Forward(testing::ImagesOf(set, model.vit()->pos_embed.scalar_type()));
  const torch::Tensor labels = torch::tensor(set.labels, torch::kLong);
  const torch::Tensor losses = testing::PlainCrossEntropy(logits, labels);
  const torch::Tensor baseline = torch::tensor(set.losses, torch::kFloat).to(torch::kDouble);
  ProbeFinding finding;
  finding.probe = set.name;
  finding.images = set.size();
  finding.loss = losses.mean().item<double>();
  finding.baseline_loss = baseline.mean().item<double>();
  finding.accuracy = (logits.argmax(1) == labels).to(torch::kDouble).mean().item<double>();
  finding.standard_error = (losses - baseline).std(/*unbiased=*/true).item<double>() /
                           std::sqrt(static_cast<double>(set.size()));
  return finding;
}

void ExpectNear(const ProbeFinding& actual, const ProbeFinding& expected) {
  EXPECT_EQ(actual.probe, expected.probe);
  EXPECT_EQ(actual.images, expected.images);
  EXPECT_NEAR(actual.loss, expected.loss, 1e-12);
  EXPECT_NEAR(actual.standard_error, expected.standard_error, 1e-12);
  EXPECT_NEAR(actual.accuracy, expected.accuracy, 1e-15);
  EXPECT_NEAR(actual.baseline_loss, expected.baseline_loss, 1e-12);
}

TEST(ProbesTest, AnyNumberOfRanksFindsTheSameOnEveryProbe) {
  const std::vector<legacy::LegacySet> sets = {ProbeOf(17, "a"), ProbeOf(2, "b")};
  for (const int ranks : {1, 2, 3}) {
    std::vector<std::unique_ptr<GatedModel>> models;
    for (int r = 0; r < ranks; ++r) models.push_back(ProbedModel());
    const std::vector<ProbeFinding> expected = {ExpectedFinding(*models[0], sets[0]),
                                                ExpectedFinding(*models[0], sets[1])};
    std::vector<std::vector<ProbeFinding>> found(ranks);
    RunRanks(ranks, [&](dist::Group& group) {
      const auto findings =
          Probes(sets, ProbePipeline(), /*batch=*/4).Check(*models[group.rank()], group);
      ASSERT_TRUE(findings.ok()) << findings.status();
      found[group.rank()] = *findings;
    });
    ASSERT_EQ(found[0].size(), 2u);
    for (size_t i = 0; i < 2; ++i) ExpectNear(found[0][i], expected[i]);
    for (int r = 1; r < ranks; ++r) EXPECT_EQ(found[r], found[0]) << "to the bit";
  }
}

TEST(ProbesTest, FindingsDoNotDependOnTheBatch) {
  const auto model = ProbedModel();
  auto group = dist::Group::Alone();
  const ProbeFinding expected = ExpectedFinding(*model, ProbeOf(11));
  for (const int64_t batch : {1, 3, 11, 500}) {
    const auto findings = Probes({ProbeOf(11)}, ProbePipeline(), batch).Check(*model, *group);
    ASSERT_TRUE(findings.ok()) << findings.status();
    ExpectNear((*findings)[0], expected);
  }
}

// A model that says the same of every image: each loss is log 5, and so the differences to the
// baselines below are 0.125, -0.125, 0.375 and 0.125. Their mean is 0.125, the squared distances to
// it sum up to 0.125; the variance is a third of that, and that of the mean a fourth of that.
TEST(ProbesTest, TheStandardErrorIsThatOfTheMeanPairedDifference) {
  const auto model = ProbedModel(torch::kFloat);
  {
    const torch::NoGradGuard no_graph;
    model->vit()->head->weight.zero_();
    model->vit()->head->bias.zero_();
  }
  legacy::LegacySet set = PatternSet(40, 4);
  const double loss = std::log(5.0);
  const std::vector<double> differences = {0.125, -0.125, 0.375, 0.125};
  for (size_t i = 0; i < 4; ++i) set.losses[i] = static_cast<float>(loss - differences[i]);
  auto group = dist::Group::Alone();
  const auto findings = Probes({set}, ProbePipeline(), 3).Check(*model, *group);
  ASSERT_TRUE(findings.ok()) << findings.status();
  const ProbeFinding& finding = (*findings)[0];
  EXPECT_NEAR(finding.standard_error, std::sqrt(0.125 / 3.0 / 4.0), 1e-6);
  EXPECT_NEAR(finding.loss, loss, 1e-6);
  EXPECT_NEAR(finding.baseline_loss, loss - 0.125, 1e-6);
  EXPECT_NEAR(finding.delta(), 0.125 / (loss - 0.125), 1e-6);
  EXPECT_NEAR(finding.limit(), 2.0 * std::sqrt(0.125 / 12.0) / (loss - 0.125), 1e-6);
  EXPECT_FALSE(finding.is_worse()) << "8 % more, of a noise of 7 %";
}

TEST(ProbesTest, OneImageHasNoStandardErrorAndAPerfectBaselineIsNoDivisionByZero) {
  const auto model = ProbedModel();
  auto group = dist::Group::Alone();
  legacy::LegacySet set = PatternSet(40, 1);
  set.losses[0] = 0.0f;
  const auto findings = Probes({set}, ProbePipeline(), 3).Check(*model, *group);
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ((*findings)[0].standard_error, 0.0);
  EXPECT_GT((*findings)[0].baseline_loss, 0.0);
  EXPECT_TRUE(std::isfinite((*findings)[0].delta()));
  EXPECT_TRUE((*findings)[0].is_worse());
}

TEST(ProbesTest, AWeightThatIsNoNumberIsARiseOnAllRanks) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<std::unique_ptr<GatedModel>> models;
    for (int r = 0; r < 2; ++r) {
      models.push_back(ProbedModel(torch::kFloat));
      const torch::NoGradGuard no_graph;
      models.back()->vit()->head->weight[2][3] = bad;
    }
    RunRanks(2, [&](dist::Group& group) {
      const auto findings =
          Probes({ProbeOf(6)}, ProbePipeline(), 4).Check(*models[group.rank()], group);
      ASSERT_TRUE(findings.ok()) << findings.status();
      EXPECT_EQ((*findings)[0].loss, kNotFiniteLoss);
      EXPECT_EQ((*findings)[0].standard_error, 0.0);
      EXPECT_TRUE((*findings)[0].is_worse());
    });
  }
}

TEST(ProbesTest, WithoutAProbeNothingIsFound) {
  const auto model = ProbedModel();
  auto group = dist::Group::Alone();
  const Probes none({}, ProbePipeline(), 4);
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.Check(*model, *group).value().empty());
  EXPECT_FALSE(Probes({ProbeOf(1)}, ProbePipeline(), 4).empty());
}

}  // namespace
}  // namespace sluice::train

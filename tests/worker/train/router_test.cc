#include "worker/train/router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/small_model.h"
#include "worker/train/calibrate.h"

namespace sluice::train {
namespace {

using testing::MakeBatch;
using testing::MakeModel;
using testing::PatternDataset;
using testing::SmallGate;

// An expert with two gates, whose heads and classifier are drawn from `seed`.
Expert DrawnExpert(int seed, const std::vector<gate::UncertaintyMoments>& usual) {
  GateSettings settings = SmallGate(Mode::kDense, 0.0, true);
  settings.gates = {{1, {}}, {2, {}}};
  settings.gates[1].temperature = 1.5;
  Expert expert{"e" + std::to_string(seed), MakeModel(settings, torch::kDouble), usual};
  const torch::NoGradGuard no_graph;
  torch::manual_seed(seed);
  for (auto& [name, p] : expert.model->HeadParameters()) torch::Tensor(p).normal_();
  expert.model->vit()->head->weight.normal_();
  return expert;
}

std::vector<Expert> ThreeExperts() {
  std::vector<Expert> experts;
  experts.push_back(DrawnExpert(1, {{0.6, 0.1}, {0.8, 0.05}}));
  experts.push_back(DrawnExpert(2, {{0.7, 0.2}, {0.7, 0.1}}));
  experts.push_back(DrawnExpert(3, {{0.65, 0.1}, {0.9, 0.1}}));
  return experts;
}

// Normalised entropy of the mean over patches of softmax(logits / temperature), by loops.
double PlainUncertainty(const torch::Tensor& logits, double temperature) {
  const int64_t patches = logits.size(0), classes = logits.size(1);
  std::vector<double> mean(classes, 0.0);
  for (int64_t n = 0; n < patches; ++n) {
    double total = 0.0;
    for (int64_t k = 0; k < classes; ++k)
      total += std::exp(logits[n][k].item<double>() / temperature);
    for (int64_t k = 0; k < classes; ++k)
      mean[k] += std::exp(logits[n][k].item<double>() / temperature) / total;
  }
  double entropy = 0.0;
  for (const double sum : mean) {
    const double p = sum / static_cast<double>(patches);
    entropy -= p * std::log(p);
  }
  return entropy / std::log(static_cast<double>(classes));
}

double PlainDistance(Expert& expert, const torch::Tensor& image) {
  const std::vector<torch::Tensor> logits = expert.model->HeadLogits(image);
  double distance = 0.0;
  for (size_t k = 0; k < logits.size(); ++k) {
    const double u = PlainUncertainty(logits[k][0], expert.model->settings().gates[k].temperature);
    const double z = (u - expert.usual[k].mean) / expert.usual[k].stddev;
    distance += z * z / static_cast<double>(logits.size());
  }
  return distance;
}

std::vector<uint64_t> Ids(uint64_t count) {
  std::vector<uint64_t> ids(count);
  std::iota(ids.begin(), ids.end(), uint64_t{1});
  return ids;
}

TEST(RouterTest, EveryImageGoesToTheExpertThatPlainLoopsFindNearest) {
  std::vector<Expert> experts = ThreeExperts();
  const ModelBatch batch = MakeBatch(Ids(40), {}, torch::kDouble);
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < 40; ++i) {
    size_t best = 0;
    for (size_t e = 1; e < experts.size(); ++e) {
      const torch::Tensor image = batch.images.slice(0, i, i + 1);
      if (PlainDistance(experts[e], image) < PlainDistance(experts[best], image)) best = e;
    }
    expected.push_back(static_cast<int64_t>(best));
  }
  for (int64_t e = 0; e < 3; ++e)
    EXPECT_NE(std::count(expected.begin(), expected.end(), e), 0) << "expert " << e << " is idle";
  Router router(std::move(experts));
  const torch::Tensor chosen = router.Choose(batch.images);
  for (int64_t i = 0; i < 40; ++i) EXPECT_EQ(chosen[i].item<int64_t>(), expected[i]) << i;
}

// The mean over images of each gate's z before it is squared.
TEST(RouterTest, ImagesOfOneSourceAreRoutedTogether) {
  std::vector<Expert> experts = ThreeExperts();
  const ModelBatch batch = MakeBatch(Ids(11), {}, torch::kDouble);
  std::vector<int64_t> expected;
  for (const auto& [first, last] : {std::pair<int64_t, int64_t>{0, 4}, {4, 8}, {8, 11}}) {
    std::vector<double> distances;
    for (Expert& expert : experts) {
      const auto logits = expert.model->HeadLogits(batch.images.slice(0, first, last));
      double distance = 0.0;
      for (size_t k = 0; k < 2; ++k) {
        double sum = 0.0;
        for (int64_t i = 0; i < last - first; ++i)
          sum += PlainUncertainty(logits[k][i], k == 0 ? 1.0 : 1.5);
        const double z = (sum / static_cast<double>(last - first) - expert.usual[k].mean) /
                         expert.usual[k].stddev;
        distance += z * z / 2;
      }
      distances.push_back(distance);
    }
    const auto best = std::min_element(distances.begin(), distances.end()) - distances.begin();
    expected.insert(expected.end(), last - first, best);
  }
  Router router(std::move(experts));
  const torch::Tensor chosen = router.Choose(batch.images, 4);
  ASSERT_EQ(chosen.size(0), 11);
  for (int64_t i = 0; i < 11; ++i) EXPECT_EQ(chosen[i].item<int64_t>(), expected[i]) << i;
}

TEST(RouterTest, AnswersAreTheChosenExpertsOwn) {
  Router router(ThreeExperts());
  const ModelBatch batch = MakeBatch(Ids(7), {}, torch::kDouble);
  const torch::Tensor chosen = torch::tensor({2, 0, 0, 2, 1, 0, 2}, torch::kLong);
  const torch::Tensor logits = router.Answer(batch, chosen);
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{7, 5}));
  for (int64_t i = 0; i < 7; ++i) {
    ModelBatch one;
    one.images = batch.images.slice(0, i, i + 1);
    const Expert& expert = router.experts()[chosen[i].item<int64_t>()];
    EXPECT_LE((expert.model->EvalDense(one)[0] - logits[i]).abs().max().item<double>(), 1e-12) << i;
  }
}

TEST(RouterTest, AHeadThatSaysTheSameOfAllImagesDoesNotDivideByZero) {
  std::vector<Expert> experts = ThreeExperts();
  experts[1].usual = {{0.5, 0.0}, {0.5, 0.0}};
  Router router(std::move(experts));
  const torch::Tensor chosen = router.Choose(MakeBatch(Ids(5), {}, torch::kDouble).images);
  EXPECT_EQ((chosen == 1).sum().item<int64_t>(), 0);
}

TEST(RouterTest, AnEvaluationLooksAtEachImageOnce) {
  Router router(ThreeExperts());
  const auto dataset = std::make_shared<PatternDataset>(Ids(23));
  const auto found = EvaluateRouted(router, dataset, data::PipelineConfig(), 5);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->images, 23);
  const ModelBatch all = MakeBatch(Ids(23), {}, torch::kDouble);
  const torch::Tensor chosen = router.Choose(all.images);
  const double right = (router.Answer(all, chosen).argmax(1) == all.labels).sum().item<double>();
  EXPECT_DOUBLE_EQ(found->accuracy, right / 23);
  for (int64_t e = 0; e < 3; ++e)
    EXPECT_EQ(found->answered[e], (chosen == e).sum().item<int64_t>());
}

TEST(MeasureUncertaintyTest, MomentsAreThoseOfPlainLoopsOnAnyNumberOfRanks) {
  Expert plain = DrawnExpert(4, {});
  std::vector<double> sums(2, 0.0), squares(2, 0.0);
  const ModelBatch batch = MakeBatch(Ids(17), {}, torch::kDouble);
  for (int64_t i = 0; i < 17; ++i) {
    const auto logits = plain.model->HeadLogits(batch.images.slice(0, i, i + 1));
    for (size_t k = 0; k < 2; ++k) {
      const double u = PlainUncertainty(logits[k][0], k == 0 ? 1.0 : 1.5);
      sums[k] += u;
      squares[k] += u * u;
    }
  }
  const auto dataset = std::make_shared<PatternDataset>(Ids(23));  // The first 17 are looked at.
  for (const int ranks : {1, 3}) {
    std::vector<Expert> experts;
    for (int r = 0; r < ranks; ++r) experts.push_back(DrawnExpert(4, {}));
    dist::testing::RunRanks(ranks, [&](dist::Group& group) {
      const auto found = MeasureUncertainty(*experts[group.rank()].model, dataset,
                                            data::PipelineConfig(), group, 17, 4);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->size(), 2u);
      for (size_t k = 0; k < 2; ++k) {
        const double mean = sums[k] / 17;
        EXPECT_NEAR((*found)[k].mean, mean, 1e-6);
        EXPECT_NEAR((*found)[k].stddev, std::sqrt(squares[k] / 17 - mean * mean), 1e-5);
      }
    });
  }
}

}  // namespace
}  // namespace sluice::train

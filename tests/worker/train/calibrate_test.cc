#include "worker/train/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/small_model.h"

namespace sluice::train {
namespace {

using testing::MakeModel;
using testing::PatternDataset;
using testing::SmallGate;

TEST(CalibrateTest, SumsEqualPlainLoops) {
  torch::manual_seed(4);
  const torch::Tensor logits = torch::randn({40, 5}) * 4.0;
  const torch::Tensor labels = torch::randint(0, 5, {40}, torch::kLong);
  const torch::Tensor sums = ReliabilitySums(logits, labels);
  ASSERT_EQ(sums.sizes(), (std::vector<int64_t>{65, gate::kReliabilityNumbers}));
  for (const int64_t t : {0, 32, 50}) {
    const double temperature = gate::TemperatureGrid()[t];
    double loss = 0.0;
    std::vector<double> bins(45, 0.0);
    for (int64_t i = 0; i < 40; ++i) {
      std::vector<double> p(5);
      double total = 0.0;
      for (int64_t k = 0; k < 5; ++k)
        total += p[k] = std::exp(logits[i][k].item<double>() / temperature);
      for (double& value : p) value /= total;
      const int64_t best = std::max_element(p.begin(), p.end()) - p.begin();
      const int64_t label = labels[i].item<int64_t>();
      loss -= std::log(p[label]);
      const auto bin = std::min<int64_t>(14, static_cast<int64_t>(p[best] * 15));
      bins[3 * bin] += 1.0;
      bins[3 * bin + 1] += p[best];
      bins[3 * bin + 2] += best == label ? 1.0 : 0.0;
    }
    EXPECT_EQ(sums[t][0].item<double>(), 40.0);
    EXPECT_NEAR(sums[t][1].item<double>(), loss, 1e-9);
    for (size_t b = 0; b < bins.size(); ++b)
      EXPECT_NEAR(sums[t][2 + b].item<double>(), bins[b], 1e-9);
  }
}

// Heads that are far too sure of themselves: their labels are drawn from a softer distribution.
TEST(CalibrateTest, AnOverconfidentHeadGetsAHigherTemperatureAndASmallerError) {
  torch::manual_seed(9);
  const torch::Tensor soft = torch::randn({4000, 5});
  const torch::Tensor labels = at::softmax(soft, 1).multinomial(1).squeeze(1);
  const torch::Tensor sums = ReliabilitySums(soft * 3.0, labels);
  std::vector<gate::Reliability> rows;
  for (int64_t t = 0; t < 65; ++t) {
    const torch::Tensor row = sums[t].contiguous();
    rows.push_back(gate::ReliabilityFrom({row.data_ptr<double>(), gate::kReliabilityNumbers}));
  }
  const gate::Calibration found = gate::Calibrate(1, rows);
  EXPECT_NEAR(found.temperature, 3.0, 0.35);
  EXPECT_GT(found.error_before, 0.2);
  EXPECT_LT(found.error_after, 0.05);
}

TEST(CalibrateTest, AllRanksFindWhatOneFindsAndTheModelStays) {
  std::vector<uint64_t> ids(23);
  std::iota(ids.begin(), ids.end(), uint64_t{1});
  const auto dataset = std::make_shared<PatternDataset>(ids);
  std::vector<gate::Calibration> alone;
  for (const int ranks : {1, 3}) {
    std::vector<std::unique_ptr<GatedModel>> models;
    for (int r = 0; r < ranks; ++r) {
      models.push_back(MakeModel(SmallGate(Mode::kCompact, 0.5, true), torch::kDouble));
      const torch::NoGradGuard no_graph;
      torch::manual_seed(8);
      for (auto& [name, p] : models.back()->HeadParameters()) torch::Tensor(p).normal_();
    }
    dist::testing::RunRanks(ranks, [&](dist::Group& group) {
      GatedModel& model = *models[group.rank()];
      const torch::Tensor before = model.vit()->head->weight.detach().clone();
      const auto found = CalibrateHeads(model, dataset, data::PipelineConfig(), group, 17, 4);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->size(), 1u);
      EXPECT_EQ((*found)[0].layer, 2);
      EXPECT_NE((*found)[0].temperature, 1.0);
      if (ranks == 1) alone = *found;
      EXPECT_EQ((*found)[0].temperature, alone[0].temperature);
      EXPECT_NEAR((*found)[0].error_after, alone[0].error_after, 1e-9);
      EXPECT_TRUE(model.vit()->head->weight.equal(before));
      EXPECT_EQ(model.settings().gates[0].temperature, 1.0);
    });
  }
}

}  // namespace
}  // namespace sluice::train

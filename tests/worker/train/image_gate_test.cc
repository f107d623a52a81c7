#include "worker/train/image_gate.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/train/step_oracle.h"

namespace sluice::train {
namespace {

using testing::MakeBatch;
using testing::MakeModel;
using testing::OnRanks;
using testing::SmallGate;
using testing::StepCase;
using testing::StepRank;

// Entropy of each image's mean prediction, by plain arithmetic over the head of the model.
std::vector<double> PlainImageScores(GatedModel& model, const ModelBatch& batch) {
  const torch::Tensor p = at::softmax(model.HeadLogits(batch.images)[0], -1).mean(1);
  const torch::Tensor scores = -(p * p.log()).sum(1) / std::log(5.0);
  std::vector<double> result;
  for (int64_t i = 0; i < scores.size(0); ++i) result.push_back(scores[i].item<double>());
  return result;
}

// A model whose head has an opinion, and a batch.
struct Fixture {
  Fixture() : model(MakeModel(SmallGate(Mode::kCompact, 0.3, true), torch::kDouble)) {
    const torch::NoGradGuard no_graph;
    torch::manual_seed(6);
    for (auto& [name, p] : model->HeadParameters()) torch::Tensor(p).normal_().mul_(3.0);
    batch = MakeBatch({1, 2, 3, 4, 5, 6}, {5, 1}, torch::kDouble);
    scores = PlainImageScores(*model, batch);
    std::vector<double> sorted = scores;
    std::sort(sorted.begin(), sorted.end());
    middle = (sorted[2] + sorted[3]) / 2;  // Three images are at or under it.
  }
  GateDecision Decide() {
    GateDecision decision;
    pass = model->TrainForward(batch, [&](const GateDecision& d) { decision = d; });
    return decision;
  }

  std::unique_ptr<GatedModel> model;
  ModelBatch batch;
  std::vector<double> scores;
  double middle = 0.0;
  TrainPass pass;
};

TEST(ImageGateTest, ImagesOfLowEntropyAreSkippedAndTheRestIsAsEver) {
  Fixture f;
  const GateDecision all = f.Decide();
  EXPECT_TRUE(all.image_scores.empty());
  f.model->settings().image_theta = f.middle;
  const GateDecision gated = f.Decide();
  ASSERT_EQ(gated.image_scores.size(), 6u);
  EXPECT_EQ(gated.images_open, 3);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(gated.image_scores[i], f.scores[i], 1e-6);
    for (size_t j = 9 * i; j < 9 * (i + 1); ++j) {
      EXPECT_EQ(gated.layers[0].open[j], f.scores[i] > f.middle ? all.layers[0].open[j] : 0);
      EXPECT_EQ(gated.layers[0].scores[j], all.layers[0].scores[j]);
    }
  }
}

TEST(ImageGateTest, NoImageIsSkippedWhileTheGatesOpenOrInEvaluation) {
  Fixture f;
  f.model->settings().image_theta = 1.0;
  EXPECT_EQ(f.Decide().images_open, 0);
  f.model->settings().opening = 0.5;
  EXPECT_EQ(f.Decide().images_open, 6);
  f.model->settings().opening = 0.0;
  GateDecision decision;
  EXPECT_EQ(f.model->EvalGated(f.batch, &decision).size(0), 6);
  EXPECT_EQ(decision.images_open, 6);
}

// The loss and gradients of a step in which cached images are left out are those of the others.
TEST(ImageGateTest, LeavingImagesOutEqualsABatchWithoutThem) {
  Fixture f;
  const std::vector<int64_t> positions = {0, 2, 5};
  const ModelBatch part = TakeImages(f.batch, positions);
  const ModelBatch direct = MakeBatch({1, 3, 6}, {5, 1}, torch::kDouble);
  EXPECT_TRUE(part.images.equal(direct.images));
  EXPECT_TRUE(part.labels.equal(direct.labels));
  EXPECT_EQ(part.ids, direct.ids);
  GateDecision decision;
  f.model->TrainForward(part, [&](const GateDecision& d) { decision = d; });
  const GateDecision whole = SpreadDecision(decision, positions, 6, 9, 1);
  ASSERT_EQ(whole.layers.size(), 1u);
  EXPECT_EQ(whole.images_open, decision.images_open);
  EXPECT_EQ(whole.tokens_open, decision.tokens_open);
  for (size_t i = 0; i < 6; ++i) {
    const auto at = std::find(positions.begin(), positions.end(), static_cast<int64_t>(i));
    for (size_t j = 0; j < 9; ++j) {
      const size_t inner = 9 * (at - positions.begin()) + j;
      const bool computed = at != positions.end();
      EXPECT_EQ(whole.layers[0].present[9 * i + j], computed ? 1 : 0);
      EXPECT_EQ(whole.layers[0].open[9 * i + j], computed ? decision.layers[0].open[inner] : 0);
      EXPECT_EQ(whole.layers[0].scores[9 * i + j],
                computed ? decision.layers[0].scores[inner] : 0.0f);
    }
  }
  const GateDecision none = SpreadDecision({}, {}, 2, 9, 2);
  ASSERT_EQ(none.layers.size(), 2u);
  EXPECT_EQ(none.layers[1].open, std::vector<uint8_t>(18, 0));
  EXPECT_EQ(none.layers[0].present, std::vector<uint8_t>(18, 0));
}

// Tokens that had a score.
uint64_t Scored(const LayerCounters& layer) {
  return std::accumulate(layer.score_histogram.begin(), layer.score_histogram.end(), uint64_t{0});
}

StepCase CachedCase() {
  StepCase c;
  c.train_head = true;
  c.threshold = 0.3;
  c.ids.resize(24);  // The same six images again and again, an epoch a step.
  for (size_t i = 0; i < c.ids.size(); ++i) c.ids[i] = i % 6 + 1;
  c.plans_per_epoch = 1;
  c.image_theta = 2.0;  // Everything is skipped after a look.
  c.image_gate = {2.0, 2};
  return c;
}

TEST(ImageGateTest, ACachedScoreIsBelievedForItsEpochsOnWhateverRankTheImageComes) {
  for (const int ranks : {1, 3}) {
    OnRanks(CachedCase(), ranks, [&](StepRank& rank, dist::Group&) {
      // Looked at in epoch 0, believed in epochs 1 and 2, looked at again in epoch 3.
      const std::vector<uint64_t> looks = {1, 1, 1, 2};
      for (int64_t step = 1; step <= 4; ++step) {
        const auto outcome = rank.Run(step);
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        EXPECT_EQ(outcome->control.images_open, 0);
        EXPECT_EQ(outcome->control.tokens, 54);
        const LayerCounters& layer = rank.counters().layers[0];
        EXPECT_EQ(layer.tokens_closed, static_cast<uint64_t>(54 / ranks * step));
        // Only what was looked at has a score.
        EXPECT_EQ(Scored(layer), looks[step - 1] * 54 / ranks) << step;
        EXPECT_EQ(rank.step().image_gate().cache().size(), 6u);
      }
    });
  }
}

TEST(ImageGateTest, WithoutTimeToLiveEveryImageIsLookedAtEachTime) {
  StepCase c = CachedCase();
  c.image_gate.ttl = 0;
  OnRanks(c, 2, [&](StepRank& rank, dist::Group&) {
    for (int64_t step = 1; step <= 3; ++step) ASSERT_TRUE(rank.Run(step).ok());
    EXPECT_EQ(Scored(rank.counters().layers[0]), 81u);
    EXPECT_EQ(rank.step().image_gate().cache().size(), 0u);
  });
}

}  // namespace
}  // namespace sluice::train

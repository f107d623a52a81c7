#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/worker/train/rehearsing_rank.h"
#include "tests/worker/train/step_oracle.h"
#include "worker/train/evaluate.h"

// Rehearsed images in the loss, against plain tensors in float64.
namespace sluice::train {
namespace {

using gate::testing::OracleMode;
using testing::MakeBatch;
using testing::MakeModel;
using testing::NamedGradients;
using testing::RehearsingRank;
using testing::SmallGate;
using testing::StepCase;

constexpr int64_t kImages = 12;

StepCase ReplayCase(Mode mode) {
  StepCase c;
  c.mode = mode;
  c.threshold = 0.8;  // Some images have no open patch.
  return c;
}

// Twelve images, of which every second one is rehearsed: one of them with a class that has no
// stored logit, one with none at all.
ModelBatch ReplayedBatch() {
  std::vector<uint64_t> ids(kImages);
  std::iota(ids.begin(), ids.end(), uint64_t{1});
  ModelBatch batch = MakeBatch(ids, {testing::kDrawSeed, 0}, torch::kDouble);
  batch.replayed = torch::arange(kImages).remainder(2).to(torch::kBool);
  torch::manual_seed(3);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  batch.stored_logits = torch::randn({kImages, 5}, torch::kDouble);
  for (int64_t i = 0; i < kImages; i += 2) batch.stored_logits[i] = nan;
  batch.stored_logits[3][4] = nan;
  batch.stored_logits[5] = nan;
  return batch;
}

// The dense oracle says cross-entropies. With a sixth class whose logit is 0 its own is the
// log-sum-exp, and with another class's that minus its logit: so it says logits, too.
class LogitOracle {
 public:
  explicit LogitOracle(Mode mode)
      : mode_(mode == Mode::kSelective ? OracleMode::kSelective : OracleMode::kCompact),
        model_(MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble)) {
    model::Vit& vit = model_->vit();
    const torch::NoGradGuard no_graph;
    const torch::Tensor weight = vit->head->weight.clone(), bias = vit->head->bias.clone();
    vit->ReplaceHead(6);
    vit->to(torch::kDouble);
    vit->head->weight.zero_().slice(0, 0, 5).copy_(weight);
    vit->head->bias.zero_().slice(0, 0, 5).copy_(bias);
  }

  // Logits [5] of image `i`, of whose patches `open` says which are; undefined if none is.
  torch::Tensor Of(const ModelBatch& batch, int64_t i, const std::vector<uint8_t>& open) {
    if (std::count(open.begin(), open.end(), 1) == 0) return {};
    const auto entropy = [&](int64_t label) {
      return gate::testing::DenseOracleLoss(model_->vit(), batch.images.slice(0, i, i + 1),
                                            torch::tensor({label}, torch::kLong), {{2, open}},
                                            mode_);
    };
    const torch::Tensor all = entropy(5);
    std::vector<torch::Tensor> logits;
    for (int64_t k = 0; k < 5; ++k) logits.push_back(all - entropy(k));
    return torch::stack(logits);
  }

  NamedGradients GradientsOf(const torch::Tensor& loss) {
    NamedGradients result = gate::testing::Gradients(model_->vit(), loss);
    for (const char* name : {"head.weight", "head.bias"})
      result[name] = result[name].slice(0, 0, 5).clone();
    return result;
  }

 private:
  const OracleMode mode_;
  std::unique_ptr<GatedModel> model_;
};

// One image's loss, spelled out.
torch::Tensor PlainLoss(const torch::Tensor& logits, int64_t label, bool replayed,
                        const torch::Tensor& stored, const ReplayWeights& weights) {
  const torch::Tensor entropy = logits.exp().sum().log() - logits[label];
  if (!replayed) return entropy;
  torch::Tensor gaps = torch::zeros({}, torch::kDouble);
  int64_t known = 0;
  for (int64_t k = 0; k < logits.size(0); ++k) {
    if (std::isnan(stored[k].item<double>())) continue;
    gaps = gaps + (logits[k] - stored[k]) * (logits[k] - stored[k]);
    ++known;
  }
  const torch::Tensor mean = known > 0 ? gaps / static_cast<double>(known) : gaps;
  return weights.cross_entropy * entropy + weights.logits * mean;
}

// On one thread: the oracle's many small forwards gain nothing from more, and a busy machine makes
// them wait for each other.
class ReplayLossTest : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  void TearDown() override { at::set_num_threads(threads_); }

 private:
  const int threads_ = at::get_num_threads();
};

TEST_P(ReplayLossTest, LossAndGradientAreThoseOfTheOracle) {
  const StepCase c = ReplayCase(GetParam());
  const ModelBatch batch = ReplayedBatch();
  for (const ReplayWeights& weights : {ReplayWeights{0.5, 0.7}, ReplayWeights{0.0, 2.0}}) {
    LogitOracle oracle(c.mode);
    torch::Tensor expected = torch::zeros({}, torch::kDouble);
    int64_t open_replayed = 0, closed_replayed = 0;
    for (int64_t i = 0; i < kImages; ++i) {
      const bool replayed = batch.replayed[i].item<bool>();
      const torch::Tensor logits =
          oracle.Of(batch, i, testing::OpenPatches(c, 0, batch.ids[static_cast<size_t>(i)]));
      if (replayed) ++(logits.defined() ? open_replayed : closed_replayed);
      if (!logits.defined()) continue;
      expected = expected + PlainLoss(logits, batch.labels[i].item<int64_t>(), replayed,
                                      batch.stored_logits[i], weights);
    }
    EXPECT_GE(open_replayed, 3);
    EXPECT_EQ(closed_replayed > 0, c.mode != Mode::kDense);
    const auto model = MakeModel(SmallGate(c.mode, c.threshold, false), torch::kDouble);
    model->SetReplay(weights);
    const TrainPass pass = model->TrainForward(batch, [](const GateDecision&) {});
    const double loss = expected.item<double>();
    EXPECT_NEAR(pass.loss_sum.item<double>(), loss, 1e-9 * loss);
    EXPECT_NEAR(pass.loss.item<double>(), loss, 1e-9 * loss);
    testing::ExpectGradients(gate::testing::Gradients(model->vit(), pass.loss),
                             oracle.GradientsOf(expected), torch::kDouble);
  }
}

TEST_P(ReplayLossTest, WithoutARehearsedImageTheLossIsTheSameToTheBit) {
  const StepCase c = ReplayCase(GetParam());
  ModelBatch batch = ReplayedBatch();
  batch.replayed = batch.stored_logits = torch::Tensor();
  const auto plain = MakeModel(SmallGate(c.mode, c.threshold, false), torch::kDouble);
  const auto model = MakeModel(SmallGate(c.mode, c.threshold, false), torch::kDouble);
  model->SetReplay({0.5, 0.7});
  const auto nothing = [](const GateDecision&) {};
  const TrainPass with = model->TrainForward(batch, nothing);
  const TrainPass without = plain->TrainForward(batch, nothing);
  EXPECT_TRUE(with.loss.equal(without.loss));
  const NamedGradients actual = gate::testing::Gradients(model->vit(), with.loss);
  const NamedGradients expected = gate::testing::Gradients(plain->vit(), without.loss);
  for (const auto& [name, gradient] : expected) EXPECT_TRUE(actual.at(name).equal(gradient));
  if (c.mode == Mode::kDense) {
    EXPECT_TRUE(with.loss.equal(at::cross_entropy_loss(model->vit()->Forward(batch.images),
                                                       batch.labels, {}, at::Reduction::Sum)));
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, ReplayLossTest,
                         ::testing::Values(Mode::kDense, Mode::kCompact, Mode::kSelective),
                         [](const auto& info) {
                           return info.param == Mode::kDense     ? "Dense"
                                  : info.param == Mode::kCompact ? "Compact"
                                                                 : "Selective";
                         });

TEST(ReplayWeightsTest, WithoutDerARehearsedImageCountsAsAnyOther) {
  const auto model = MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble, 0.1);
  ModelBatch batch = ReplayedBatch();
  const auto loss = [&] {
    return model->TrainForward(batch, [](const GateDecision&) {}).loss.item<double>();
  };
  const double replayed = loss();
  batch.replayed = torch::Tensor();
  EXPECT_NEAR(replayed, loss(), 1e-12 * replayed);
}

TEST(ReplayWeightsTest, TheyAreThoseOfTheOptions) {
  config::LegacyConfig config;
  config.alpha = 0.3;
  config.beta = 0.8;
  EXPECT_EQ(MakeReplay(config).cross_entropy, 1.0);
  EXPECT_EQ(MakeReplay(config).logits, 0.0);
  config.loss = "der";
  EXPECT_EQ(MakeReplay(config).cross_entropy, 0.8) << "beta: the labels' weight";
  EXPECT_EQ(MakeReplay(config).logits, 0.3) << "alpha: the stored logits' weight";
}

TEST(ReplayedBatchTest, APartOfABatchKeepsWhatIsRehearsedOfIt) {
  const ModelBatch batch = ReplayedBatch();
  const ModelBatch part = TakeImages(batch, {7, 2});
  EXPECT_TRUE(part.replayed.equal(torch::tensor({true, false})));
  EXPECT_TRUE(part.stored_logits[0].equal(batch.stored_logits[7]));
  EXPECT_TRUE(part.stored_logits[1].isnan().all().item<bool>());
}

config::TrainConfig DerRun() {
  config::TrainConfig config = testing::SmallRun("unused", 3);
  config.gate.mode = "dense";
  config.legacy.loss = "der";
  config.legacy.alpha = 0.7;
  config.legacy.beta = 0.4;
  return config;
}

// Loss and gradient of a whole run's first step, with all of the batch in one process.
torch::Tensor ExpectedStepLoss(const config::TrainConfig& config, double share, model::Vit& vit) {
  const Datasets datasets = testing::RehearsedDatasets();
  auto alone = dist::Group::Alone();
  data::Batch loaded = MakeTrainLoader(config, datasets, *alone, 0)->Next().value();
  const legacy::Replayed replayed =
      MakeRehearsal(config, datasets.buffers, *alone)->Mix(share, 0, loaded);
  EXPECT_EQ(replayed.positions.size(), static_cast<size_t>(std::llround(8 * share)));
  const ModelBatch batch = ToModelBatch(loaded, {}, torch::TensorOptions().dtype(torch::kDouble));
  const torch::Tensor logits = vit->Forward(batch.images);
  torch::Tensor loss = torch::zeros({}, torch::kDouble);
  size_t next = 0;
  for (int64_t i = 0; i < 8; ++i) {
    const bool is_old = next < replayed.positions.size() && replayed.positions[next] == i;
    torch::Tensor stored;
    if (is_old) {
      stored = torch::tensor(std::vector<float>(replayed.logits.begin() + 5 * next,
                                                replayed.logits.begin() + 5 * (next + 1)));
      ++next;
    }
    loss = loss + PlainLoss(logits[i], batch.labels[i].item<int64_t>(), is_old, stored, {0.4, 0.7});
  }
  return loss;
}

TEST(RehearsedStepTest, AnyNumberOfRanksHasTheGradientOfOneProcess) {
  const config::TrainConfig config = DerRun();
  for (const double share : {0.25, 0.6}) {
    const auto reference = MakeModel(SmallGate(Mode::kDense, 0.5, false), torch::kDouble);
    const torch::Tensor expected = ExpectedStepLoss(config, share, reference->vit());
    const NamedGradients gradients = gate::testing::Gradients(reference->vit(), expected);
    for (const int ranks : {1, 2, 3}) {
      std::vector<std::unique_ptr<GatedModel>> models;
      for (int r = 0; r < ranks; ++r)
        models.push_back(MakeModel(SmallGate(Mode::kDense, 0.5, false), torch::kDouble));
      dist::testing::RunRanks(ranks, [&](dist::Group& group) {
        RehearsingRank rank(config, testing::RehearsedDatasets(), std::move(models[group.rank()]),
                            group);
        rank.step->SetRehearsalShare(share);
        EXPECT_NEAR(rank.LossOf(1), expected.item<double>() / 8.0, 1e-9);
        NamedGradients actual;
        for (const auto& [name, p] : rank.assembly.model->Parameters()) actual[name] = p.grad();
        testing::ExpectGradients(actual, gradients, torch::kDouble);
      });
    }
  }
}

}  // namespace
}  // namespace sluice::train

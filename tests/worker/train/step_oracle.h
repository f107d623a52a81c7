#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/worker/dist/ranks.h"
#include "tests/worker/gate/dense_oracle.h"
#include "tests/worker/train/small_model.h"
#include "worker/data/sampler.h"
#include "worker/gate/score.h"
#include "worker/torch.h"
#include "worker/train/train_step.h"

// One TrainStep on R ranks, and what one process that spells everything out says about it.
namespace sluice::train::testing {

using NamedGradients = std::map<std::string, torch::Tensor>;

constexpr uint64_t kDrawSeed = 5;
constexpr std::chrono::milliseconds kSlowImage{80};

// A step as the test describes it. `ids` holds accumulate * batch images per step: the micro-steps'
// global batches, one behind the other.
struct StepCase {
  Mode mode = Mode::kCompact;
  double threshold = 0.6;
  torch::ScalarType type = torch::kDouble;
  bool train_head = false;
  int64_t batch = 6;
  int64_t accumulate = 1;
  int64_t ledger_every = 0;
  double clip = 1.0;
  gate::FootprintSettings footprint = {};
  ImageGateOptions image_gate = {};
  double image_theta = 0.0;
  double budget_images = 0.0;
  dist::Compression compression = dist::Compression::kNone;
  int slow_rank = -1;  // Its images take kSlowImage each to load.
  int64_t plans_per_epoch = 1'000'000;
  model::AdapterConfig adapters = {};
  bool adapters_only = false;
  std::vector<uint64_t> ids;
};

// Scores of one image's patches in the micro-step with draw number `draw`, as the policy sees them.
inline std::vector<uint8_t> OpenPatches(const StepCase& c, uint64_t draw, uint64_t id) {
  std::vector<uint8_t> open;
  for (const float score : gate::RandomScores({kDrawSeed, draw}, std::vector{id}, 9))
    open.push_back(c.mode == Mode::kDense || c.threshold <= 0.0 || score > c.threshold ? 1 : 0);
  return open;
}

// What must come out of step `step` on any number of ranks.
struct ExpectedStep {
  NamedGradients gradients;
  dist::ControlResult control;
  double loss_sum = 0.0;
};

inline torch::Tensor HeadOracleLoss(GatedModel& model, const torch::nn::Linear& head,
                                    const ModelBatch& batch) {
  torch::Tensor x;
  {
    const torch::NoGradGuard no_graph;
    x = model.vit()->Embed(batch.images);
    for (int64_t i = 0; i < model.settings().gates[0].layer; ++i)
      x = model.vit()->blocks[i]->Forward(x);
  }
  const torch::Tensor logits = torch::nn::Linear(head)->forward(x.slice(1, 1)).flatten(0, 1);
  const torch::Tensor labels = batch.labels.repeat_interleave(9);
  return (torch::logsumexp(logits, 1) - logits.gather(1, labels.unsqueeze(1)).squeeze(1)).sum();
}

// From the plain dense autograd oracle on the concatenated batch, at the parameters of `model`.
inline ExpectedStep ExpectStep(const StepCase& c, int64_t step, GatedModel& model) {
  ExpectedStep expected;
  torch::nn::Linear head(16, 5);
  head->to(c.type);
  {
    const torch::NoGradGuard no_graph;
    head->weight.copy_(model.HeadParameters()[0].second);
    head->bias.copy_(model.HeadParameters()[1].second);
  }
  torch::Tensor loss = torch::zeros({}, c.type), head_loss = torch::zeros({}, c.type);
  for (int64_t m = 0; m < c.accumulate; ++m) {
    const int64_t plan = (step - 1) * c.accumulate + m;
    const std::vector<uint64_t> ids(c.ids.begin() + plan * c.batch,
                                    c.ids.begin() + (plan + 1) * c.batch);
    const ModelBatch batch = MakeBatch(ids, {}, c.type);
    std::vector<uint8_t> mask;
    for (const uint64_t id : ids) {
      const std::vector<uint8_t> open = OpenPatches(c, static_cast<uint64_t>(plan), id);
      const int64_t count = std::count(open.begin(), open.end(), 1);
      expected.control.tokens_open += count;
      expected.control.images_open += count > 0 ? 1 : 0;
      mask.insert(mask.end(), open.begin(), open.end());
    }
    expected.control.images += c.batch;
    expected.control.tokens += 9 * c.batch;
    loss = loss + gate::testing::DenseOracleLoss(model.vit(), batch.images, batch.labels,
                                                 model.settings().gates[0].layer, mask);
    if (c.train_head) head_loss = head_loss + HeadOracleLoss(model, head, batch);
  }
  expected.loss_sum = loss.item<double>();
  expected.gradients = gate::testing::Gradients(model.vit(), loss);
  if (c.train_head) {
    head_loss.backward();
    expected.gradients["gate.2.head.weight"] = head->weight.grad();
    expected.gradients["gate.2.head.bias"] = head->bias.grad();
  }
  return expected;
}

inline double Tolerance(torch::ScalarType type) { return type == torch::kDouble ? 1e-9 : 1e-5; }

inline void ExpectGradients(const NamedGradients& actual, const NamedGradients& expected,
                            torch::ScalarType type) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, gradient] : expected) {
    const double scale = std::max(gradient.norm().item<double>(), 1e-3);
    EXPECT_LE((actual.at(name) - gradient).norm().item<double>() / scale, Tolerance(type)) << name;
  }
}

inline void ExpectOutcome(const StepOutcome& outcome, const ExpectedStep& expected,
                          torch::ScalarType type) {
  EXPECT_EQ(outcome.control.images, expected.control.images);
  EXPECT_EQ(outcome.control.images_open, expected.control.images_open);
  EXPECT_EQ(outcome.control.tokens, expected.control.tokens);
  EXPECT_EQ(outcome.control.tokens_open, expected.control.tokens_open);
  EXPECT_TRUE(outcome.updated);
  ASSERT_TRUE(outcome.loss.has_value());
  const double loss = expected.loss_sum / static_cast<double>(expected.control.images_open);
  EXPECT_NEAR(*outcome.loss, loss, Tolerance(type) * loss);
  double squares = 0;
  for (const auto& [name, gradient] : expected.gradients) {
    if (name.rfind("gate.", 0) != 0) squares += gradient.pow(2).sum().item<double>();
  }
  const double norm = std::sqrt(squares) / static_cast<double>(expected.control.images_open);
  EXPECT_NEAR(*outcome.gradient_norm, norm, Tolerance(type) * norm);
}

class SlowDataset : public PatternDataset {
 public:
  using PatternDataset::PatternDataset;
  absl::StatusOr<data::Sample> Get(int64_t index) const override {
    std::this_thread::sleep_for(kSlowImage);
    return PatternDataset::Get(index);
  }
};

// One rank with all that it needs, as RankMain puts it together.
class StepRank {
 public:
  StepRank(const StepCase& c, std::unique_ptr<GatedModel> model, dist::Group& group)
      : model_(std::move(model)), optimizer_(MakeOptimizer(*model_)) {
    dist::AgreementOptions agreement;
    agreement.layers = {2};
    agreement_.emplace(*dist::DirectiveAgreement::Make(&group, agreement));
    data::LoaderOptions options;
    options.threads = 1;
    options.end_step = static_cast<int64_t>(c.ids.size()) / c.batch;
    const data::IndexRange share = data::RankShare(c.batch, group.rank(), group.size());
    loader_ = std::make_unique<data::Loader>(
        group.rank() == c.slow_rank ? std::make_shared<SlowDataset>(c.ids)
                                    : std::make_shared<PatternDataset>(c.ids),
        data::PipelineConfig(),
        [share, batch = c.batch, epoch = c.plans_per_epoch](int64_t plan) {
          data::BatchPlan result;
          result.epoch = plan / epoch;
          for (int64_t i = share.begin; i < share.end; ++i)
            result.indices.push_back(plan * batch + i);
          return result;
        },
        options);
    StepOptions step;
    step.accumulate = c.accumulate;
    step.ledger_every = c.ledger_every;
    step.clip = c.clip;
    step.footprint = c.footprint;
    step.image_gate = c.image_gate;
    step.most_images = c.batch;
    step.budget_images = c.budget_images;
    step.compression = c.compression;
    step.seed = kDrawSeed;
    step.schedule = {1e-3, 0.0, 2, 10};
    step_ = std::make_unique<TrainStep>(model_.get(), optimizer_.get(), &group, &*agreement_,
                                        loader_.get(), step);
  }

  absl::StatusOr<StepOutcome> Run(int64_t step) { return step_->Run(step, {}, counters_); }
  NamedGradients Gradients() const {
    NamedGradients result;
    for (const auto& [name, p] : model_->Parameters()) result[name] = p.grad().clone();
    return result;
  }
  // Parameters and optimizer state, in one list.
  std::vector<torch::Tensor> State() const {
    std::vector<torch::Tensor> result;
    for (size_t i = 0; i < optimizer_->parameters().size(); ++i) {
      for (const torch::Tensor& t : {optimizer_->parameters()[i], optimizer_->first_moments()[i],
                                     optimizer_->second_moments()[i]})
        result.push_back(t.detach().clone());
    }
    result.push_back(torch::tensor(optimizer_->group_steps()));
    return result;
  }
  GatedModel& model() { return *model_; }
  TrainStep& step() { return *step_; }
  Optimizer& optimizer() { return *optimizer_; }
  const Counters& counters() const { return counters_; }

 private:
  std::unique_ptr<GatedModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<dist::DirectiveAgreement> agreement_;
  std::unique_ptr<data::Loader> loader_;
  std::unique_ptr<TrainStep> step_;
  Counters counters_;
};

// Runs `body` on each of `ranks` ranks. Models are drawn one after the other, from the same seed.
inline void OnRanks(const StepCase& c, int ranks,
                    const std::function<void(StepRank&, dist::Group&)>& body) {
  std::vector<std::unique_ptr<GatedModel>> models;
  for (int r = 0; r < ranks; ++r) {
    models.push_back(MakeModel(SmallGate(c.mode, c.threshold, c.train_head), c.type));
    models.back()->settings().image_theta = c.image_theta;
    models.back()->Attach(c.adapters, c.adapters_only);
  }
  const auto run = [&](dist::Group& group) {
    StepRank rank(c, std::move(models[group.rank()]), group);
    body(rank, group);
  };
  dist::testing::RunRanks(ranks, run, 30.0, c.compression != dist::Compression::kNone);
}

}  // namespace sluice::train::testing

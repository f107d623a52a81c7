#include "worker/train/ewc.h"

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/train/small_model.h"

namespace sluice::train {
namespace {

using testing::MakeModel;
using testing::PatternDataset;
using testing::SmallGate;

class EwcTest : public ::testing::Test {
 protected:
  EwcTest() : model_(MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble)) {
    optimizer_ = MakeOptimizer(*model_);
  }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  absl::Status Write(const std::string& name, int64_t images) {
    const absl::Status status = WriteFisher(Path(name + ".fisher.safetensors"), *model_,
                                            PatternDataset({1, 2, 3}), {}, images);
    for (const torch::Tensor& p : optimizer_->parameters()) {
      EXPECT_FALSE(p.grad().defined());  // It leaves none behind.
      p.mutable_grad() = torch::zeros_like(p);
    }
    return status;
  }
  void Shift(double by) {
    const torch::NoGradGuard no_graph;
    for (const torch::Tensor& p : optimizer_->parameters()) torch::Tensor(p).add_(by);
  }

  TemporaryFolder folder_;
  std::unique_ptr<GatedModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
};

// The Fisher information by LibTorch's autograd alone, image by image.
std::vector<torch::Tensor> FisherOracle(GatedModel& model, const std::vector<uint64_t>& ids) {
  std::vector<torch::Tensor> parameters, result;
  for (const auto& item : model::NamedParameters(model.vit())) parameters.push_back(item.second);
  for (const torch::Tensor& p : parameters) result.push_back(torch::zeros_like(p));
  for (const uint64_t id : ids) {
    const ModelBatch one = testing::MakeBatch({id}, {}, torch::kDouble);
    const torch::Tensor loss = at::cross_entropy_loss(model.vit()->Forward(one.images), one.labels);
    const auto gradients = torch::autograd::grad({loss}, parameters, {}, false, false, true);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (gradients[i].defined())
        result[i] += gradients[i].detach().square() / static_cast<double>(ids.size());
    }
  }
  return result;
}

TEST_F(EwcTest, ThePullIsFisherTimesTheDistanceAndZeroAtTheAnchor) {
  ASSERT_TRUE(Write("a", 2).ok());
  const std::vector<torch::Tensor> fisher = FisherOracle(*model_, {1, 2});
  const auto ewc = Ewc::Load(folder_.path(), 3.0, *optimizer_);
  ASSERT_TRUE(ewc.ok()) << ewc.status();
  ewc->AddGradient(1.0);
  for (const torch::Tensor& p : optimizer_->parameters())
    EXPECT_LT(p.grad().abs().max().item<double>(), 1e-12);
  Shift(0.5);
  ewc->AddGradient(2.0);
  double largest = 0.0;
  for (size_t i = 0; i < fisher.size(); ++i) {
    const torch::Tensor expected = 2.0 * 3.0 * 0.5 * fisher[i];
    largest = std::max(largest, expected.abs().max().item<double>());
    EXPECT_LT((optimizer_->parameters()[i].grad() - expected).abs().max().item<double>(), 1e-9)
        << optimizer_->shapes()[i].name;
  }
  EXPECT_GT(largest, 1e-4);
}

TEST_F(EwcTest, DomainsAddUp) {
  ASSERT_TRUE(Write("a", 3).ok());
  const std::vector<torch::Tensor> first = FisherOracle(*model_, {1, 2, 3});
  Shift(0.25);
  ASSERT_TRUE(Write("b", 3).ok());
  const std::vector<torch::Tensor> second = FisherOracle(*model_, {1, 2, 3});
  const auto ewc = Ewc::Load(folder_.path(), 1.0, *optimizer_);
  ASSERT_TRUE(ewc.ok()) << ewc.status();
  Shift(0.25);
  ewc->AddGradient(1.0);
  for (size_t i = 0; i < first.size(); ++i) {
    const torch::Tensor expected = 0.5 * first[i] + 0.25 * second[i];
    EXPECT_LT((optimizer_->parameters()[i].grad() - expected).abs().max().item<double>(), 1e-9);
  }
}

TEST_F(EwcTest, AParameterWithoutAGradientGetsNone) {
  ASSERT_TRUE(Write("a", 1).ok());
  const auto ewc = Ewc::Load(folder_.path(), 1.0, *optimizer_);
  optimizer_->parameters()[0].mutable_grad() = torch::Tensor();
  Shift(1.0);
  ewc->AddGradient(1.0);
  EXPECT_FALSE(optimizer_->parameters()[0].grad().defined());
}

TEST_F(EwcTest, AFolderWithoutAFileSaysWhatMakesOne) {
  EXPECT_TRUE(Says(Ewc::Load(folder_.path(), 1.0, *optimizer_).status(),
                   absl::StatusCode::kNotFound, {"fisher", "register"}));
  EXPECT_FALSE(Ewc::Load(Path("gone"), 1.0, *optimizer_).ok());
}

TEST_F(EwcTest, AnotherModelsFileIsRefused) {
  ASSERT_TRUE(Write("a", 1).ok());
  const auto wide = MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble);
  wide->vit()->ReplaceHead(7);
  const auto other = MakeOptimizer(*wide);
  EXPECT_TRUE(SaysInvalid(Ewc::Load(folder_.path(), 1.0, *other).status(),
                          {"a.fisher.safetensors", "head.weight"}));
}

}  // namespace
}  // namespace sluice::train

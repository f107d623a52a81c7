#include <gtest/gtest.h>

#include <map>

#include "tests/worker/gate/gated_loss.h"
#include "worker/gate/mask.h"
#include "worker/model/adapter_file.h"
#include "worker/model/weights.h"

// Adapters in every mode of the gate. The oracle knows no adapters: the plain weights W' that do
// the same have its gradient dW', from which the chain rule gives that of A, B and l.
namespace sluice::gate {
namespace {

using model::AdapterConfig;
using model::AdapterKind;
using model::testing::SmallConfig;
using testing::GateCases;
using testing::GatedLoss;
using testing::NamedGradients;
using testing::OracleMode;

const std::vector<std::string> kEverywhere = {"qkv", "proj", "fc1", "fc2"};

model::Vit MakeVit(model::Pool pool, const AdapterConfig& config) {
  torch::manual_seed(7);
  model::Vit vit(SmallConfig(pool, true));
  vit->to(torch::kDouble);
  vit->Attach(config);
  const torch::NoGradGuard no_graph;
  for (auto& [name, tensor] : model::NamedAdapters(vit))
    torch::Tensor(tensor).add_(torch::randn_like(tensor) * 0.2);
  return vit;
}

// Gradients of a layer's adapter from the gradient `dw` and `db` of its merged weights.
std::vector<torch::Tensor> ChainRule(const model::Adapter& adapter, const torch::Tensor& w,
                                     const torch::Tensor& b, const torch::Tensor& dw,
                                     const torch::Tensor& db) {
  if (adapter.lora_a.defined()) {
    return {adapter.scale * adapter.lora_b.t().mm(dw), adapter.scale * dw.mm(adapter.lora_a.t())};
  }
  if (adapter.scales_input()) return {(dw * w).sum(0, true)};
  return {(dw * w).sum(1, true) + (db * b).unsqueeze(1)};
}

void CheckAdapters(OracleMode mode, model::Pool pool, const AdapterConfig& config,
                   const std::vector<testing::OracleGate>& gates) {
  model::Vit vit = MakeVit(pool, config), merged = MakeVit(pool, config);
  model::MergeAdapters(merged);
  const torch::Tensor images = torch::randn({4, 2, 12, 12}, torch::kDouble);
  const torch::Tensor labels = torch::tensor({0, 4, 2, 1}, torch::kLong);
  const torch::Tensor oracle = testing::DenseOracleLoss(merged, images, labels, gates, mode);
  const NamedGradients expected = testing::Gradients(merged, oracle);
  const torch::Tensor loss = GatedLoss(vit, images, labels, gates, mode);
  EXPECT_NEAR(loss.item<double>(), oracle.item<double>(), 1e-10);
  loss.backward();
  for (size_t i = 0; i < vit->blocks.size(); ++i) {
    for (auto& [place, layer] : vit->blocks[i]->Projections()) {
      const std::string name = "blocks." + std::to_string(i) + "." + place;
      const torch::NoGradGuard no_graph;
      const std::vector<torch::Tensor> gradients =
          ChainRule(*layer->adapter(), layer->linear()->weight, layer->linear()->bias,
                    expected.at(name + ".weight"), expected.at(name + ".bias"));
      const auto tensors = model::AdapterTensors(*layer->adapter());
      ASSERT_EQ(tensors.size(), gradients.size());
      for (size_t k = 0; k < gradients.size(); ++k) {
        const double scale = std::max(gradients[k].norm().item<double>(), 1e-3);
        ASSERT_TRUE(tensors[k].second.grad().defined()) << name;
        EXPECT_LE((tensors[k].second.grad() - gradients[k]).norm().item<double>() / scale, 1e-9)
            << name << " " << tensors[k].first;
      }
    }
  }
}

TEST(AdapterGradientTest, EqualsTheOracleOfTheMergedWeights) {
  for (const AdapterConfig& config : {AdapterConfig{AdapterKind::kLora, 3, 6.0, kEverywhere},
                                      AdapterConfig{AdapterKind::kIa3, 1, 1.0, kEverywhere}}) {
    for (const OracleMode mode : {OracleMode::kCompact, OracleMode::kSelective}) {
      for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
        for (const auto& gates : GateCases(1)) CheckAdapters(mode, pool, config, gates);
      }
    }
  }
}

// With a frozen backbone the adapters' gradients are the same, and the backbone has none.
TEST(AdapterGradientTest, AFrozenBackboneChangesNothingAboutThem) {
  const AdapterConfig config = {AdapterKind::kLora, 3, 6.0, {"qkv", "fc2"}};
  const torch::Tensor labels = torch::tensor({0, 4, 2, 1}, torch::kLong);
  for (const auto& gates : GateCases(2)) {
    std::vector<model::NamedTensors> adapters;
    for (const bool frozen : {false, true}) {
      model::Vit vit = MakeVit(model::Pool::kClassToken, config);
      const torch::Tensor images = torch::randn({4, 2, 12, 12}, torch::kDouble);
      if (frozen) vit->FreezeBackbone();
      GatedLoss(vit, images, labels, gates, OracleMode::kCompact).backward();
      adapters.push_back(model::NamedAdapters(vit));
      EXPECT_EQ(vit->blocks[3]->attn->qkv->weight.grad().defined(), !frozen);
      EXPECT_TRUE(vit->head->weight.grad().defined());
    }
    for (size_t i = 0; i < adapters[0].size(); ++i) {
      const torch::Tensor a = adapters[0][i].second.grad(), b = adapters[1][i].second.grad();
      EXPECT_TRUE(a.allclose(b, 1e-10, 1e-13)) << adapters[0][i].first;
    }
  }
}

}  // namespace
}  // namespace sluice::gate

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/worker/gate/dense_oracle.h"
#include "tests/worker/model/small_vit.h"
#include "worker/gate/prefix.h"
#include "worker/gate/ragged.h"
#include "worker/gate/selective.h"

// The gated forward as worker/gate puts it together, and its check against the dense oracle.
namespace sluice::gate::testing {

using model::testing::SmallConfig;

inline std::vector<uint8_t> Repeat(const std::vector<std::vector<int>>& open_patches) {
  std::vector<uint8_t> mask(open_patches.size() * 9, 0);
  for (size_t i = 0; i < open_patches.size(); ++i) {
    for (const int j : open_patches[i]) mask[i * 9 + j] = 1;
  }
  return mask;
}

inline const std::vector<int> kAll = {0, 1, 2, 3, 4, 5, 6, 7, 8};

// Loss of the images that the last gate of `gates` leaves open, in mode compact or selective.
inline torch::Tensor GatedLoss(model::Vit& vit, const torch::Tensor& images,
                               const torch::Tensor& labels, const std::vector<OracleGate>& gates,
                               OracleMode mode) {
  const bool compact = mode == OracleMode::kCompact;
  Prefix prefix = StartPrefix(vit, images);
  PackedRows packed;
  for (size_t k = 0; k < gates.size(); ++k) {
    RunPrefix(vit, gates[k].layer, /*keep_qkv=*/true, prefix);
    packed = Pack(gates[k].open, images.size(0), vit->config().patches(), prefix.packed().images);
    if (compact && k + 1 < gates.size()) Narrow(packed, prefix);
  }
  const torch::Tensor open = RerunOpenRows(vit, prefix, packed);
  const torch::Tensor pooled = compact ? RunToPool(vit, prefix.blocks_done, open, packed)
                                       : RunSelective(vit, prefix, open, packed);
  const torch::Tensor index = IndexTensor(packed.images, images.device());
  return at::cross_entropy_loss(vit->Classify(pooled), labels.index_select(0, index), {},
                                at::Reduction::Sum);
}

inline void ExpectSameGradients(const NamedGradients& actual, const NamedGradients& expected,
                                double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, gradient] : expected) {
    const double scale = std::max(gradient.norm().item<double>(), 1e-3);
    EXPECT_LE((actual.at(name) - gradient).norm().item<double>() / scale, tolerance) << name;
  }
}

// One and several gates: all open, equally many, ragged, images without an open patch, one with a
// single one, images that the first gate closes and images that the second one closes.
inline std::vector<std::vector<OracleGate>> GateCases(int64_t layer) {
  const auto ragged = Repeat({{0, 1, 2, 7}, {3}, kAll, {4, 8}});
  const auto holes = Repeat({{}, {1, 2, 5}, {}, {0}});
  std::vector<std::vector<OracleGate>> cases = {{{layer, Repeat({kAll, kAll, kAll, kAll})}},
                                                {{layer, Repeat({{1, 4}, {0, 8}, {2, 3}, {5, 6}})}},
                                                {{layer, ragged}},
                                                {{layer, holes}},
                                                {{layer, Repeat({{}, {}, {6}, {}})}}};
  if (layer < 3) {
    cases.push_back({{layer, ragged}, {3, Repeat({{1, 7}, {}, {0, 3, 5, 8}, {8}})}});
    cases.push_back({{layer, holes}, {3, holes}});
  }
  if (layer == 1) {
    cases.push_back({{1, Repeat({kAll, {0, 1, 2, 3, 4}, kAll, {1, 3, 5, 7, 8}})},
                     {2, Repeat({{0, 1, 2, 7}, {3}, kAll, {1, 8}})},
                     {3, Repeat({{2}, {3}, {1, 2, 3, 4}, {}})}});
  }
  return cases;
}

inline void CheckAgainstOracle(OracleMode mode, torch::ScalarType dtype, double tolerance) {
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    for (const int64_t layer : {1, 2, 3}) {
      for (const std::vector<OracleGate>& gates : GateCases(layer)) {
        torch::manual_seed(7);
        model::Vit vit(SmallConfig(pool, layer == 2));
        vit->to(dtype);
        const torch::Tensor images = torch::randn({4, 2, 12, 12}, dtype);
        const torch::Tensor labels = torch::tensor({0, 4, 2, 1}, torch::kLong);
        const torch::Tensor oracle = DenseOracleLoss(vit, images, labels, gates, mode);
        const torch::Tensor loss = GatedLoss(vit, images, labels, gates, mode);
        EXPECT_NEAR(loss.item<double>(), oracle.item<double>(), tolerance * oracle.item<double>());
        const NamedGradients expected = Gradients(vit, oracle);
        const NamedGradients actual = Gradients(vit, loss);
        ExpectSameGradients(actual, expected, tolerance);
      }
    }
  }
}

}  // namespace sluice::gate::testing

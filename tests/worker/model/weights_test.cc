#include "worker/model/weights.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/model/small_vit.h"
#include "worker/model/position.h"

namespace sluice::model {
namespace {

using tensors::SafetensorsFile;
using testing::SmallConfig;

class WeightsTest : public ::testing::Test {
 protected:
  Vit MakeVit(uint64_t seed, const VitConfig& config = SmallConfig(Pool::kClassToken, true)) {
    torch::manual_seed(seed);
    return Vit(config);
  }
  SafetensorsFile Write(const NamedTensors& named) {
    std::vector<torch::Tensor> storage;
    SLUICE_CHECK(
        tensors::WriteSafetensors(folder_.Path("w"), ToFileTensors(named, &storage), {}).ok());
    auto file = SafetensorsFile::Open(folder_.Path("w"));
    SLUICE_CHECK(file.ok());
    return *std::move(file);
  }
  static void ExpectEqual(const Vit& actual, const Vit& expected) {
    const NamedTensors a = NamedParameters(actual), b = NamedParameters(expected);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
  }
  // `named` with the tensor `name` replaced, or left out if `value` is undefined.
  static NamedTensors With(NamedTensors named, const std::string& name,
                           const torch::Tensor& value) {
    NamedTensors result;
    for (auto& item : named) {
      if (item.first != name) {
        result.push_back(item);
      } else if (value.defined()) {
        result.emplace_back(name, value);
      }
    }
    return result;
  }
  TemporaryFolder folder_;
};

TEST_F(WeightsTest, ASavedModelComesBackBitForBit) {
  for (const Pool pool : {Pool::kClassToken, Pool::kMean}) {
    for (const bool features : {false, true}) {
      const Vit saved = MakeVit(1, SmallConfig(pool, features));
      Vit loaded = MakeVit(2, SmallConfig(pool, features));
      ASSERT_TRUE(SaveWeights(folder_.Path("m"), saved, {{"format", "pt"}}).ok());
      const auto file = SafetensorsFile::Open(folder_.Path("m"));
      ASSERT_TRUE(file.ok()) << file.status();
      EXPECT_EQ(file->metadata().at("format"), "pt");
      const absl::Status status = LoadWeights(*file, {}, loaded);
      ASSERT_TRUE(status.ok()) << status;
      ExpectEqual(loaded, saved);
    }
  }
}

TEST_F(WeightsTest, LoadingKeepsTheParametersThatAnOptimizerHolds) {
  const Vit saved = MakeVit(1);
  Vit loaded = MakeVit(2);
  const NamedTensors held = NamedParameters(loaded);
  ASSERT_TRUE(LoadWeights(Write(NamedParameters(saved)), {}, loaded).ok());
  const NamedTensors after = NamedParameters(loaded);
  for (size_t i = 0; i < held.size(); ++i) {
    EXPECT_TRUE(after[i].second.is_same(held[i].second)) << held[i].first;
    EXPECT_TRUE(after[i].second.requires_grad()) << held[i].first;
  }
}

TEST_F(WeightsTest, AMissingTensorIsNamed) {
  Vit vit = MakeVit(2);
  for (const auto& item : NamedParameters(vit)) {
    const SafetensorsFile file = Write(With(NamedParameters(MakeVit(1)), item.first, {}));
    EXPECT_TRUE(Says(LoadWeights(file, {}, vit), absl::StatusCode::kNotFound,
                     {"'" + item.first + "'", folder_.Path("w")}));
  }
}

TEST_F(WeightsTest, AnUnknownTensorIsNamedBeforeAnythingIsLoaded) {
  Vit vit = MakeVit(2);
  for (const std::string name :
       {"blocks.4.norm1.weight", "norm.running_mean", "head_dist.weight"}) {
    NamedTensors named = NamedParameters(MakeVit(1));
    named.emplace_back(name, torch::zeros({16}));
    EXPECT_TRUE(SaysInvalid(LoadWeights(Write(named), {}, vit), {"'" + name + "'"}));
    ExpectEqual(vit, MakeVit(2));
  }
}

TEST_F(WeightsTest, AWrongShapeIsNamedWithBothShapes) {
  Vit vit = MakeVit(2);
  const NamedTensors named =
      With(NamedParameters(MakeVit(1)), "blocks.2.mlp.fc1.weight", torch::zeros({16, 40}));
  EXPECT_TRUE(SaysInvalid(LoadWeights(Write(named), {}, vit),
                          {"'blocks.2.mlp.fc1.weight'", "[16, 40]", "[40, 16]"}));
}

TEST_F(WeightsTest, AnyFloatIsTakenAndNothingElse) {
  const Vit saved = MakeVit(1);
  for (const auto type : {torch::kDouble, torch::kHalf, torch::kBFloat16}) {
    Vit vit = MakeVit(2);
    NamedTensors named = NamedParameters(saved);
    for (auto& item : named) item.second = item.second.detach().to(type);
    const absl::Status status = LoadWeights(Write(named), {}, vit);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(vit->head->weight.equal(saved->head->weight.detach().to(type).to(torch::kFloat)));
    EXPECT_EQ(vit->head->weight.scalar_type(), torch::kFloat);
  }
  Vit vit = MakeVit(2);
  const NamedTensors named =
      With(NamedParameters(saved), "head.bias", torch::zeros({5}, torch::kLong));
  EXPECT_TRUE(SaysInvalid(LoadWeights(Write(named), {}, vit), {"'head.bias'", "floating-point"}));
}

TEST_F(WeightsTest, AReplacedHeadStaysFreshWhateverTheFileHas) {
  const NamedTensors saved = NamedParameters(MakeVit(1));
  const NamedTensors other =
      With(With(saved, "head.weight", torch::zeros({1000, 16})), "head.bias", torch::zeros({1000}));
  const NamedTensors none = With(With(saved, "head.weight", {}), "head.bias", {});
  for (const NamedTensors& named : {saved, other, none}) {
    Vit vit = MakeVit(2);
    const torch::Tensor fresh = vit->head->weight.detach().clone();
    const SafetensorsFile file = Write(named);
    const absl::Status status = LoadWeights(file, {"", /*replace_head=*/true}, vit);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(vit->head->weight.equal(fresh));
    EXPECT_TRUE(vit->cls_token.equal(MakeVit(1)->cls_token));
  }
  Vit vit = MakeVit(2);
  EXPECT_TRUE(SaysInvalid(LoadWeights(Write(other), {}, vit), {"'head.", "1000"}));
}

TEST_F(WeightsTest, PositionsOfAnotherGridAreResampled) {
  VitConfig large = SmallConfig(Pool::kClassToken, true);
  large.image_size = 20;  // 5 x 5 patches.
  const Vit saved = MakeVit(1, large);
  Vit vit = MakeVit(2);
  const absl::Status status = LoadWeights(Write(NamedParameters(saved)), {}, vit);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(vit->pos_embed.equal(ResamplePosition(saved->pos_embed.detach(), 3)));
  EXPECT_EQ(vit->pos_embed.sizes(), (std::vector<int64_t>{1, 10, 16}));
}

TEST_F(WeightsTest, PositionsOfNoSquareGridAreRefused) {
  for (const auto& shape : {std::vector<int64_t>{1, 8, 16}, {1, 10, 8}, {10, 16}, {2, 26, 16}}) {
    Vit vit = MakeVit(2);
    const NamedTensors named = With(NamedParameters(MakeVit(1)), "pos_embed", torch::zeros(shape));
    EXPECT_TRUE(SaysInvalid(LoadWeights(Write(named), {}, vit), {"'pos_embed'", "[1, 10, 16]"}));
  }
}

TEST_F(WeightsTest, OnlyTensorsUnderThePrefixCount) {
  const Vit saved = MakeVit(1);
  NamedTensors named;
  for (const auto& [name, tensor] : NamedParameters(saved)) {
    named.emplace_back("model." + name, tensor);
    named.emplace_back("optimizer.m." + name, torch::zeros({1}));
  }
  Vit vit = MakeVit(2);
  const absl::Status status = LoadWeights(Write(named), {"model.", false}, vit);
  ASSERT_TRUE(status.ok()) << status;
  ExpectEqual(vit, saved);
  EXPECT_TRUE(SaysInvalid(LoadWeights(Write(named), {}, vit), {"not a parameter"}));
}

}  // namespace
}  // namespace sluice::model

#include "worker/train/param_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "tests/worker/model/small_vit.h"

namespace sluice::train {
namespace {

using Parameters = std::vector<ParameterShape>;

// Names and shapes of timm's VisionTransformer, written down here and not taken from the model.
Parameters TimmParameters(const model::VitConfig& c) {
  const int64_t d = c.dim;
  Parameters all = {{"cls_token", {1, 1, d}},
                    {"pos_embed", {1, c.tokens(), d}},
                    {"patch_embed.proj.weight", {d, c.channels, c.patch, c.patch}}};
  const auto with_bias = [&all](const std::string& name, std::vector<int64_t> shape) {
    all.push_back({name + ".weight", shape});
    all.push_back({name + ".bias", {shape[0]}});
  };
  if (!c.pre_norm) all.push_back({"patch_embed.proj.bias", {d}});
  if (c.pre_norm) with_bias("norm_pre", {d});
  for (int64_t i = 0; i < c.depth; ++i) {
    const std::string block = absl::StrCat("blocks.", i, ".");
    with_bias(block + "norm1", {d});
    with_bias(block + "attn.qkv", {3 * d, d});
    with_bias(block + "attn.proj", {d, d});
    with_bias(block + "norm2", {d});
    with_bias(block + "mlp.fc1", {c.mlp_dim, d});
    with_bias(block + "mlp.fc2", {d, c.mlp_dim});
    if (!c.layer_scale) continue;
    all.push_back({block + "ls1.gamma", {d}});
    all.push_back({block + "ls2.gamma", {d}});
  }
  with_bias(c.pool == model::Pool::kMean ? "fc_norm" : "norm", {d});
  with_bias("head", {c.classes, d});
  with_bias("gate.2.head", {c.classes, d});
  return all;
}

int64_t Size(const ParameterShape& p) {
  return std::accumulate(p.shape.begin(), p.shape.end(), int64_t{1}, std::multiplies<>());
}

using Owner = int16_t;
constexpr Owner kNobody = -1;

// Group of every value of parameter `index`. Fails if a slice leaves the parameter or takes a value
// that has an owner.
std::vector<Owner> OwnersOf(int64_t index, const ParameterShape& parameter,
                            const std::vector<ParameterGroup>& groups) {
  std::vector<Owner> owner(Size(parameter), kNobody);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const GroupSlice& s : groups[g].slices) {
      if (s.parameter != index) continue;
      for (int64_t row = 0; row < s.rows; ++row) {
        const int64_t begin = s.offset + row * s.stride, end = begin + s.columns;
        const bool is_inside = begin >= 0 && end <= static_cast<int64_t>(owner.size());
        if (!is_inside || std::any_of(owner.begin() + begin, owner.begin() + end,
                                      [](Owner o) { return o != kNobody; })) {
          ADD_FAILURE() << groups[g].name << " takes [" << begin << ", " << end << ") of "
                        << parameter.name << ": outside, or owned by another";
          return owner;
        }
        std::fill(owner.begin() + begin, owner.begin() + end, static_cast<Owner>(g));
      }
    }
  }
  return owner;
}

void ExpectEveryValueIsOwned(const model::VitConfig& config) {
  SCOPED_TRACE(config.name);
  const Parameters parameters = TimmParameters(config);
  const std::vector<ParameterGroup> groups = BuildGroups(config, parameters);
  for (size_t p = 0; p < parameters.size(); ++p) {
    const std::vector<Owner> owners = OwnersOf(static_cast<int64_t>(p), parameters[p], groups);
    EXPECT_EQ(std::count(owners.begin(), owners.end(), kNobody), 0) << parameters[p].name;
  }
}

TEST(ParamGroups, EveryValueOfEveryPresetHasExactlyOneOwner) {
  for (const std::string& name : model::VitPresetNames()) {
    ExpectEveryValueIsOwned(*model::VitPreset(name));
  }
}

TEST(ParamGroups, MeanPoolingHasItsOwnNorm) {
  model::VitConfig config = *model::VitPreset("vit_nano");
  config.pool = model::Pool::kMean;
  ExpectEveryValueIsOwned(config);
}

// A block small enough to write down who owns what: D = 4, two heads of two channels.
class SmallGroups : public testing::Test {
 protected:
  SmallGroups() {
    config_.image_size = config_.patch = 2;
    config_.dim = 4;
    config_.heads = 2;
    config_.depth = 2;
    config_.mlp_dim = 8;
    config_.classes = 3;
    config_.layer_scale = true;
    parameters_ = TimmParameters(config_);
    groups_ = BuildGroups(config_, parameters_);
  }

  // Name of the group that owns value `i` of parameter `name`.
  std::string OwnerName(const std::string& name, int64_t i) const {
    for (size_t p = 0; p < parameters_.size(); ++p) {
      if (parameters_[p].name != name) continue;
      return groups_.at(OwnersOf(static_cast<int64_t>(p), parameters_[p], groups_).at(i)).name;
    }
    return "no parameter " + name;
  }

  model::VitConfig config_;
  Parameters parameters_;
  std::vector<ParameterGroup> groups_;
};

TEST_F(SmallGroups, AHeadOwnsItsRowsOfQkvAndItsColumnsOfProj) {
  for (int64_t row = 0; row < 12; ++row) {
    const std::string head = absl::StrCat("blocks.1.attn.head.", row % 4 / 2);
    EXPECT_EQ(OwnerName("blocks.1.attn.qkv.bias", row), head);
    for (int64_t column = 0; column < 4; ++column) {
      EXPECT_EQ(OwnerName("blocks.1.attn.qkv.weight", row * 4 + column), head);
    }
  }
  for (int64_t row = 0; row < 4; ++row) {
    for (int64_t column = 0; column < 4; ++column) {
      EXPECT_EQ(OwnerName("blocks.0.attn.proj.weight", row * 4 + column),
                absl::StrCat("blocks.0.attn.head.", column / 2));
    }
  }
}

TEST_F(SmallGroups, TheRestBelongsWhereTheDesignSays) {
  const std::map<std::string, std::string> expected = {{"blocks.1.attn.proj.bias", "blocks.1"},
                                                       {"blocks.1.norm1.weight", "blocks.1"},
                                                       {"blocks.1.norm2.bias", "blocks.1"},
                                                       {"blocks.1.ls1.gamma", "blocks.1"},
                                                       {"blocks.1.ls2.gamma", "blocks.1"},
                                                       {"blocks.1.mlp.fc1.weight", "blocks.1.mlp"},
                                                       {"blocks.1.mlp.fc1.bias", "blocks.1.mlp"},
                                                       {"blocks.1.mlp.fc2.weight", "blocks.1.mlp"},
                                                       {"blocks.1.mlp.fc2.bias", "blocks.1.mlp"},
                                                       {"patch_embed.proj.weight", "patch_embed"},
                                                       {"patch_embed.proj.bias", "patch_embed"},
                                                       {"cls_token", "cls_token"},
                                                       {"pos_embed", "pos_embed"},
                                                       {"norm.weight", "norm"},
                                                       {"head.weight", "head"},
                                                       {"head.bias", "head"},
                                                       {"gate.2.head.weight", "gate.2"},
                                                       {"gate.2.head.bias", "gate.2"}};
  for (const auto& [parameter, group] : expected) EXPECT_EQ(OwnerName(parameter, 0), group);
}

TEST_F(SmallGroups, NamesAreUniqueAndOnlyTheGatesHeadCountsTokens) {
  std::map<std::string, int> names;
  for (const ParameterGroup& group : groups_) {
    EXPECT_EQ(++names[group.name], 1) << group.name;
    EXPECT_FALSE(group.slices.empty()) << group.name;
    EXPECT_EQ(group.loss, group.name == "gate.2" ? LossKind::kTokens : LossKind::kImages);
  }
}

TEST_F(SmallGroups, MatricesDecayAndNothingElse) {
  for (const ParameterShape& p : parameters_) {
    const bool is_weight = p.name.ends_with("qkv.weight") || p.name.ends_with("proj.weight") ||
                           p.name.ends_with("fc1.weight") || p.name.ends_with("fc2.weight") ||
                           p.name.ends_with("head.weight");
    EXPECT_EQ(IsDecayed(p), is_weight) << p.name;
  }
}

TEST(AdapterGroups, ABlocksAttentionAndMlpHaveOneEach) {
  const std::vector<ParameterShape> parameters = {{"blocks.2.attn.qkv.lora_A.weight", {3, 16}},
                                                  {"blocks.2.attn.qkv.lora_B.weight", {48, 3}},
                                                  {"blocks.2.attn.proj.ia3_l", {16, 1}},
                                                  {"blocks.2.mlp.fc2.ia3_l", {1, 40}},
                                                  {"head.weight", {5, 16}}};
  const auto groups =
      BuildGroups(model::testing::SmallConfig(model::Pool::kMean, true), parameters);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].name, "blocks.2.attn.adapter");
  EXPECT_EQ(groups[0].slices.size(), 3u);
  EXPECT_EQ(groups[0].slices[1].columns, 144);
  EXPECT_EQ(groups[1].name, "blocks.2.mlp.adapter");
  EXPECT_EQ(groups[2].name, "head");
  EXPECT_TRUE(IsDecayed(parameters[0]));
  // A factor that decays would switch its channel off.
  EXPECT_FALSE(IsDecayed(parameters[2]));
  EXPECT_FALSE(IsDecayed(parameters[3]));
}

}  // namespace
}  // namespace sluice::train

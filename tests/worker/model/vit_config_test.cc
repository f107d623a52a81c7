#include "worker/model/vit_config.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/common/says.h"

namespace sluice::model {
namespace {

TEST(VitConfig, EveryPresetIsValidAndKnowsItsName) {
  const std::vector<std::string> names = VitPresetNames();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (const std::string& name : names) {
    const auto config = VitPreset(name);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->name, name);
    EXPECT_TRUE(ValidateVitConfig(*config).ok()) << ValidateVitConfig(*config);
    EXPECT_EQ(config->mlp_dim, 4 * config->dim) << name;
    EXPECT_EQ(config->head_dim() * config->heads, config->dim) << name;
  }
}

TEST(VitConfig, NanoFitsFashionMnist) {
  const VitConfig nano = *VitPreset("vit_nano");
  EXPECT_EQ(nano.image_size, 28);
  EXPECT_EQ(nano.channels, 1);
  EXPECT_EQ(nano.classes, 10);
  EXPECT_EQ(nano.grid(), 7);
  EXPECT_EQ(nano.patches(), 49);
  EXPECT_EQ(nano.tokens(), 50);
  EXPECT_EQ(nano.patch_values(), 16);
}

// Widths, depths and heads of timm's models of these names.
TEST(VitConfig, PresetsHaveTimmsShapes) {
  struct Shape {
    const char* name;
    int64_t image, patch, dim, depth, heads;
  };
  for (const Shape& s : {Shape{"vit_tiny", 224, 16, 192, 12, 3},
                         {"vit_small", 224, 16, 384, 12, 6},
                         {"vit_small_patch14_dinov2", 518, 14, 384, 12, 6},
                         {"vit_base", 224, 16, 768, 12, 12},
                         {"vit_large", 224, 14, 1024, 24, 16},
                         {"vit_large_patch14_clip", 224, 14, 1024, 24, 16},
                         {"vit_large_patch14_clip_quickgelu", 224, 14, 1024, 24, 16}}) {
    const VitConfig c = *VitPreset(s.name);
    EXPECT_EQ(c.image_size, s.image) << s.name;
    EXPECT_EQ(c.patch, s.patch) << s.name;
    EXPECT_EQ(c.dim, s.dim) << s.name;
    EXPECT_EQ(c.depth, s.depth) << s.name;
    EXPECT_EQ(c.heads, s.heads) << s.name;
    EXPECT_EQ(c.channels, 3) << s.name;
  }
  EXPECT_TRUE(VitPreset("vit_small_patch14_dinov2")->layer_scale);
  EXPECT_FALSE(VitPreset("vit_small")->layer_scale);
  EXPECT_TRUE(VitPreset("vit_large_patch14_clip")->pre_norm);
  EXPECT_FALSE(VitPreset("vit_large")->pre_norm);
}

// The two of CLIP differ in nothing else, and no other preset has OpenAI's activation.
TEST(VitConfig, OnlyOpenAisClipHasQuickGelu) {
  for (const std::string& name : VitPresetNames()) {
    const bool quick = name == "vit_large_patch14_clip_quickgelu";
    EXPECT_EQ(VitPreset(name)->activation, quick ? Activation::kQuickGelu : Activation::kGelu)
        << name;
  }
  VitConfig quick = *VitPreset("vit_large_patch14_clip_quickgelu");
  quick.name = "vit_large_patch14_clip";
  quick.activation = Activation::kGelu;
  EXPECT_EQ(quick, *VitPreset("vit_large_patch14_clip"));
}

TEST(VitConfig, AnUnknownPresetIsAnsweredWithTheNames) {
  const absl::Status status = VitPreset("resnet50").status();
  EXPECT_TRUE(SaysInvalid(status, {"resnet50"}));
  for (const std::string& name : VitPresetNames()) EXPECT_TRUE(SaysInvalid(status, {name}));
}

TEST(VitConfig, EverySizeMustBePositive) {
  const std::pair<const char*, int64_t VitConfig::*> fields[] = {
      {"image_size", &VitConfig::image_size}, {"channels", &VitConfig::channels},
      {"patch", &VitConfig::patch},           {"dim", &VitConfig::dim},
      {"depth", &VitConfig::depth},           {"heads", &VitConfig::heads},
      {"mlp_dim", &VitConfig::mlp_dim},       {"classes", &VitConfig::classes}};
  for (const auto& [name, field] : fields) {
    for (const int64_t value : {0, -3}) {
      VitConfig config = *VitPreset("vit_nano");
      config.*field = value;
      EXPECT_TRUE(SaysInvalid(ValidateVitConfig(config), {name, std::to_string(value), "1"}));
    }
  }
}

TEST(VitConfig, SizesMustDivide) {
  VitConfig config = *VitPreset("vit_nano");
  config.patch = 5;
  EXPECT_TRUE(SaysInvalid(ValidateVitConfig(config), {"image_size", "28", "5"}));
  config = *VitPreset("vit_nano");
  config.heads = 5;
  EXPECT_TRUE(SaysInvalid(ValidateVitConfig(config), {"dim", "128", "heads", "5"}));
}

}  // namespace
}  // namespace sluice::model

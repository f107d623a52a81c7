#include "worker/model/adapter_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/common/says.h"

namespace sluice::model {
namespace {

using absl::StatusCode;

AdapterConfig Lora() { return {AdapterKind::kLora, 4, 6.0, {"fc2", "qkv"}}; }

TEST(AdapterConfigTest, WhatIsWrittenIsRead) {
  const auto lora = AdapterConfigFromJson(AdapterConfigToJson(Lora()));
  ASSERT_TRUE(lora.ok()) << lora.status();
  EXPECT_EQ(lora->kind, AdapterKind::kLora);
  EXPECT_EQ(lora->rank, 4);
  EXPECT_EQ(lora->alpha, 6.0);
  EXPECT_EQ(lora->targets, (std::vector<std::string>{"fc2", "qkv"}));
  const auto ia3 =
      AdapterConfigFromJson(AdapterConfigToJson({AdapterKind::kIa3, 8, 16.0, {"fc2", "proj"}}));
  ASSERT_TRUE(ia3.ok()) << ia3.status();
  EXPECT_EQ(ia3->kind, AdapterKind::kIa3);
  EXPECT_EQ(ia3->targets, (std::vector<std::string>{"fc2", "proj"}));
}

// PEFT compares the ends of names, and timm's patch_embed.proj ends like a block's attn.proj.
TEST(AdapterConfigTest, TargetsAreWrittenWithTheirPlaceInTheBlock) {
  const auto j =
      nlohmann::json::parse(AdapterConfigToJson({AdapterKind::kIa3, 8, 16.0, {"fc2", "proj"}}));
  EXPECT_EQ(j.at("target_modules"), (std::vector<std::string>{"mlp.fc2", "attn.proj"}));
  EXPECT_EQ(j.at("feedforward_modules"), (std::vector<std::string>{"mlp.fc2"}));
}

TEST(AdapterConfigTest, PeftsOwnFileIsRead) {
  // As PEFT 0.18 writes it.
  const auto config = AdapterConfigFromJson(
      R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8, "lora_dropout": 0.1, "bias": "none",
          "target_modules": ["blocks.0.attn.qkv", "proj"], "rank_pattern": {}, "use_dora": false,
          "layers_to_transform": null, "modules_to_save": ["head"], "task_type": null})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->rank, 2);
  EXPECT_EQ(config->alpha, 8.0);
  EXPECT_EQ(config->targets, (std::vector<std::string>{"proj", "qkv"}));
}

TEST(AdapterConfigTest, WhatSluiceCannotDoIsRefusedByName) {
  const auto refused = [](const std::string& json, const std::string& what) {
    EXPECT_TRUE(Says(AdapterConfigFromJson(json).status(), StatusCode::kInvalidArgument, {what}));
  };
  refused("[]", "no JSON");
  refused(R"({"r": 2})", "peft_type");
  refused(R"({"peft_type": "BOFT", "target_modules": ["qkv"]})", "BOFT");
  const std::string lora = R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8, "target_modules": )";
  refused(lora + R"(["norm1"]})", "norm1");
  refused(lora + R"(["qkv", "qkv"]})", "each layer once");
  refused(lora + R"([]})", "adapters.targets");
  refused(lora + R"(["qkv"], "use_dora": true})", "use_dora");
  refused(lora + R"(["qkv"], "bias": "all"})", "bias");
  refused(lora + R"(["qkv"], "rank_pattern": {"qkv": 3}})", "rank_pattern");
  refused(R"({"peft_type": "LORA", "r": 0, "lora_alpha": 8, "target_modules": ["qkv"]})",
          "r is '0'");
  const std::string ia3 =
      R"({"peft_type": "IA3", "target_modules": ["fc2"], "feedforward_modules": )";
  refused(ia3 + R"(["fc1"]})", "fc1");
  refused(ia3 + R"([]})", "feedforward_modules");
}

TEST(AdapterConfigTest, TargetsAndNames) {
  EXPECT_TRUE(Lora().has("fc2"));
  EXPECT_FALSE(Lora().has("fc1"));
  EXPECT_FALSE(AdapterConfig().has("qkv"));  // Of kind none.
  EXPECT_EQ(AdapterTargetPath("proj"), "attn.proj");
  EXPECT_EQ(AdapterTargetPath("fc1"), "mlp.fc1");
  EXPECT_EQ(*ParseAdapterKind("ia3"), AdapterKind::kIa3);
  EXPECT_TRUE(Says(ParseAdapterKind("x").status(), StatusCode::kInvalidArgument,
                   {"adapters.kind", "none, lora, ia3"}));
}

}  // namespace
}  // namespace sluice::model

#include "worker/model/adapter_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/model/small_vit.h"
#include "worker/model/weights.h"

namespace sluice::model {
namespace {

using absl::StatusCode;
using testing::SmallConfig;

const AdapterConfig kLora = {AdapterKind::kLora, 2, 4.0, {"fc1", "qkv"}};

Vit Fresh(uint64_t seed, const AdapterConfig& config = kLora) {
  torch::manual_seed(seed);
  Vit vit(SmallConfig(Pool::kClassToken, false));
  vit->Attach(config);
  const torch::NoGradGuard no_graph;
  for (auto& [name, tensor] : NamedAdapters(vit)) torch::Tensor(tensor).normal_();
  return vit;
}

class AdapterFileTest : public ::testing::Test {
 protected:
  AdapterFileTest() { EXPECT_TRUE(SaveAdapters(folder_.path(), kLora, source_).ok()); }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  TemporaryFolder folder_;
  Vit source_ = Fresh(1);
};

TEST_F(AdapterFileTest, NamesAreThoseOfPeft) {
  const auto file = tensors::SafetensorsFile::Open(Path("adapter_model.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->names().size(), 4u * 2u * 2u + 2u);
  EXPECT_TRUE(file->Contains("base_model.model.blocks.3.attn.qkv.lora_A.weight"));
  EXPECT_TRUE(file->Contains("base_model.model.blocks.0.mlp.fc1.lora_B.weight"));
  EXPECT_TRUE(file->Contains("base_model.model.head.bias"));
}

TEST_F(AdapterFileTest, WhatWasSavedIsLoadedToTheBit) {
  Vit vit = Fresh(2);
  ASSERT_TRUE(LoadAdapters(folder_.path(), false, vit).ok());
  const NamedTensors a = NamedAdapters(source_), b = NamedAdapters(vit);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
  EXPECT_TRUE(vit->head->weight.equal(source_->head->weight));
  EXPECT_FALSE(vit->blocks[0]->attn->qkv->weight.equal(source_->blocks[0]->attn->qkv->weight));
  EXPECT_EQ(ReadAdapterConfig(folder_.path())->targets, kLora.targets);
}

TEST_F(AdapterFileTest, TheClassifierStaysIfItIsToBeReplaced) {
  Vit vit = Fresh(2);
  const torch::Tensor before = vit->head->weight.detach().clone();
  ASSERT_TRUE(LoadAdapters(folder_.path(), true, vit).ok());
  EXPECT_TRUE(vit->head->weight.equal(before));
}

TEST_F(AdapterFileTest, OtherAdaptersAreRefusedByName) {
  Vit more = Fresh(2, {AdapterKind::kLora, 2, 4.0, {"fc1", "fc2", "qkv"}});
  EXPECT_TRUE(Says(LoadAdapters(folder_.path(), false, more), StatusCode::kNotFound,
                   {"adapter_model.safetensors", "mlp.fc2.lora_A.weight"}));
  Vit fewer = Fresh(2, {AdapterKind::kLora, 2, 4.0, {"qkv"}});
  EXPECT_TRUE(Says(LoadAdapters(folder_.path(), false, fewer), StatusCode::kInvalidArgument,
                   {"mlp.fc1.lora_A.weight"}));
  Vit wider = Fresh(2, {AdapterKind::kLora, 3, 4.0, {"fc1", "qkv"}});
  EXPECT_TRUE(Says(LoadAdapters(folder_.path(), false, wider), StatusCode::kInvalidArgument,
                   {"lora_A.weight", "shape"}));
}

TEST_F(AdapterFileTest, AMissingOrTornFileIsNamed) {
  std::ofstream(Path("adapter_config.json")) << "{";
  EXPECT_TRUE(Says(ReadAdapterConfig(folder_.path()).status(), StatusCode::kInvalidArgument,
                   {"adapter_config.json"}));
  std::filesystem::remove(Path("adapter_config.json"));
  EXPECT_TRUE(Says(ReadAdapterConfig(folder_.path()).status(), StatusCode::kNotFound,
                   {"adapter_config.json"}));
  std::filesystem::resize_file(Path("adapter_model.safetensors"), 700);
  Vit vit = Fresh(2);
  EXPECT_TRUE(Says(LoadAdapters(folder_.path(), false, vit), StatusCode::kInvalidArgument,
                   {"adapter_model.safetensors"}));
}

}  // namespace
}  // namespace sluice::model

#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/commands/tiny_checkpoint.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/model/adapter_file.h"

namespace sluice::commands {
namespace {

class ExportTest : public ::testing::Test {
 protected:
  // Logits of a checkpoint of `config` that stands in the folder from now on.
  torch::Tensor Save(const config::TrainConfig& config) const {
    train::Assembly assembly = testing::MakeTrained(config);
    testing::SaveTiny(checkpoint_, assembly, testing::TomlOf(config));
    return testing::LogitsOf(assembly.model->vit());
  }
  absl::Status ExportTo(const std::string& output, const std::string& what = "") const {
    std::vector<std::string> arguments = {"--model.init=" + checkpoint_, "--output=" + output,
                                          "--log.level=error"};
    if (!what.empty()) arguments.push_back("--what=" + what);
    return Export(arguments);
  }
  // Logits of the model of `config`, with its weights from `path` and no adapters.
  static torch::Tensor PlainLogits(config::TrainConfig config, const std::string& path) {
    config.model.init = path;
    auto assembly = train::Assemble(config, 3, torch::kCPU);
    EXPECT_TRUE(assembly.ok()) << assembly.status();
    return assembly.ok() ? testing::LogitsOf(assembly->model->vit()) : torch::Tensor();
  }

  // The checkpoint's weights without what its adapters have learnt.
  std::string BaseOnly() const {
    train::Assembly assembly = testing::MakeTrained(testing::WithLora(testing::TinyConfig()));
    const std::string path = folder_.Path("base");
    EXPECT_TRUE(model::SaveWeights(path, assembly.model->vit(), {}).ok());
    return path;
  }

  const TemporaryFolder folder_;
  const std::string checkpoint_ = folder_.Path("checkpoint-00000010.safetensors");
  const std::string output_ = folder_.Path("exported");
};

TEST_F(ExportTest, AModelWithoutAdaptersIsWrittenAsItIs) {
  const torch::Tensor expected = Save(testing::TinyConfig());
  const absl::Status status = ExportTo(output_);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(PlainLogits(testing::TinyConfig(), output_).equal(expected));
  const auto file = tensors::SafetensorsFile::Open(output_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata().at("format"), "pt") << "without it transformers refuses the file";
  for (const std::string& name : file->names()) {
    EXPECT_EQ(name.find("model."), std::string::npos) << name;
    EXPECT_EQ(name.find("optimizer."), std::string::npos) << name;
  }
}

TEST_F(ExportTest, AdaptersAreMergedIntoPlainWeights) {
  for (const char* kind : {"lora", "ia3"}) {
    config::TrainConfig config = testing::WithLora(testing::TinyConfig());
    config.adapters.kind = kind;
    const torch::Tensor expected = Save(config);
    const absl::Status status = ExportTo(output_, "merged");
    ASSERT_TRUE(status.ok()) << status;
    const torch::Tensor merged = PlainLogits(testing::TinyConfig(), output_);
    EXPECT_TRUE(merged.allclose(expected, 1e-4, 1e-4)) << kind << merged << expected;
    const torch::Tensor before = PlainLogits(testing::TinyConfig(), BaseOnly());
    EXPECT_FALSE(before.allclose(expected, 1e-2, 1e-2)) << kind << ": the adapters do nothing";
  }
}

TEST_F(ExportTest, AdaptersAloneAreAFolderInPeftsLayout) {
  const config::TrainConfig config = testing::WithLora(testing::TinyConfig());
  const torch::Tensor expected = Save(config);
  const absl::Status status = ExportTo(output_, "adapters");
  ASSERT_TRUE(status.ok()) << status;
  const auto found = model::ReadAdapterConfig(output_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->kind, model::AdapterKind::kLora);
  EXPECT_EQ(found->rank, 2);
  EXPECT_EQ(found->targets, (std::vector<std::string>{"fc1", "qkv"}));
  // On the weights below them they make the same model.
  config::TrainConfig again = config;
  again.adapters.init = output_;
  EXPECT_TRUE(PlainLogits(again, BaseOnly()).equal(expected));
}

TEST_F(ExportTest, AdaptersThatAreNotThereAreRefused) {
  Save(testing::TinyConfig());
  EXPECT_TRUE(SaysInvalid(ExportTo(output_, "adapters"),
                          {"what is 'adapters', expected merged", "adapters.kind none"}));
  EXPECT_FALSE(std::filesystem::exists(output_));
  EXPECT_TRUE(SaysInvalid(
      ExportTo(output_, "everything"),
      {"what is 'everything', expected one of merged, adapters", "(from flag --what)"}));
}

TEST_F(ExportTest, WhereToWriteMustBeSaid) {
  Save(testing::TinyConfig());
  EXPECT_TRUE(SaysInvalid(Export({"--model.init=" + checkpoint_}),
                          {"output is '', expected a path to write to"}));
  EXPECT_TRUE(SaysInvalid(Export({"--output=" + output_}), {"model.init is empty"}));
}

TEST_F(ExportTest, APathThatCannotBeWrittenIsNamed) {
  Save(testing::WithLora(testing::TinyConfig()));
  const std::string below = folder_.Write("file", "mine") + "/below";
  for (const char* what : {"merged", "adapters"}) {
    const absl::Status status = ExportTo(below, what);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(std::string(status.message()).find(below), std::string::npos) << status;
  }
  EXPECT_EQ(ReadFile(folder_.Path("file")).value(), "mine");
}

TEST_F(ExportTest, ACheckpointThatDoesNotFitItsConfigurationIsRefused) {
  Save(testing::TinyConfig());
  EXPECT_TRUE(SaysInvalid(Export({"--model.init=" + checkpoint_, "--output=" + output_,
                                  "--log.level=error", "--model.dim=32"}),
                          {checkpoint_, "'cls_token'", "[1, 1, 16]", "[1, 1, 32]"}));
  EXPECT_FALSE(std::filesystem::exists(output_));
}

}  // namespace
}  // namespace sluice::commands

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/commands/tiny_checkpoint.h"
#include "worker/commands/command.h"
#include "worker/legacy/legacy_folder.h"

namespace sluice::commands {
namespace {

using legacy::LegacyKind;
using legacy::LegacySet;

constexpr uint32_t kTrainImages = 12;
constexpr uint32_t kEvalImages = 7;

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

uint8_t PixelOf(uint32_t first, uint32_t image, uint32_t p) {
  return static_cast<uint8_t>((first + 31 * image + (7 + image) * p) % 256);
}

// `count` images of 12 x 12 in three classes by turns.
void WriteImages(const TemporaryFolder& folder, const std::string& split, uint32_t count,
                 uint32_t first) {
  std::string pixels, labels;
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t p = 0; p < 144; ++p) pixels.push_back(static_cast<char>(PixelOf(first, i, p)));
    labels.push_back(static_cast<char>(i % 3));
  }
  folder.Write(split + "-images-idx3-ubyte",
               BigEndian(0x803) + BigEndian(count) + BigEndian(12) + BigEndian(12) + pixels);
  folder.Write(split + "-labels-idx1-ubyte", BigEndian(0x801) + BigEndian(count) + labels);
}

class RegisterTest : public ::testing::Test {
 protected:
  RegisterTest() : trained_(testing::MakeTrained(Config())) {
    WriteImages(folder_, "train", kTrainImages, 5);
    WriteImages(folder_, "t10k", kEvalImages, 90);
    testing::SaveTiny(checkpoint_, trained_, testing::TomlOf(Config()));
  }
  // Of the domain invert, as TinyConfig has it.
  config::TrainConfig Config() const {
    config::TrainConfig config = testing::TinyConfig();
    config.data.folder = folder_.path();
    config.data.mean = {0.25};
    config.data.std = {0.5};
    return config;
  }
  absl::Status RegisterAs(const std::string& name, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"--model.init=" + checkpoint_, "--log.level=error",
                                          "--name=" + name, "--output=" + output_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Register(arguments);
  }
  std::string PathOf(const std::string& name, LegacyKind kind) const {
    return legacy::LegacyPath(output_, name, kind);
  }
  LegacySet SetOf(const std::string& name, LegacyKind kind) const {
    auto set = legacy::LoadLegacySet(PathOf(name, kind));
    EXPECT_TRUE(set.ok()) << set.status();
    return set.ok() ? *std::move(set) : LegacySet();
  }
  // Images are those of the split, inverted, and logits what the trained model says of them.
  void ExpectTrue(const LegacySet& set, uint32_t first) {
    ASSERT_GT(set.size(), 0);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"cat", "dog", "eel"}));
    const torch::NoGradGuard no_graph;
    for (int64_t i = 0; i < set.size(); ++i) {
      const auto id = static_cast<uint32_t>(set.ids[i]);
      EXPECT_EQ(set.labels[i], id % 3);
      for (uint32_t p = 0; p < 144; ++p)
        ASSERT_EQ(set.pixels[144 * i + p], 255 - PixelOf(first, id, p)) << id;
      const torch::Tensor image =
          torch::tensor(set.Get(i).image.pixels).sub(0.25).div(0.5).reshape({1, 1, 12, 12});
      const torch::Tensor logits = trained_.model->vit()->Forward(image)[0];
      const torch::Tensor stored = torch::tensor(
          std::vector<float>(set.logits.begin() + 3 * i, set.logits.begin() + 3 * (i + 1)));
      EXPECT_TRUE(stored.allclose(logits, 1e-4, 1e-4)) << stored << logits;
      const double loss = (logits.logsumexp(0) - logits[set.labels[i]]).item<double>();
      EXPECT_NEAR(set.losses[i], loss, 1e-4 * std::max(1.0, loss));
    }
  }

  const TemporaryFolder folder_;
  const std::string checkpoint_ = folder_.Path("checkpoint-00000010.safetensors");
  const std::string output_ = folder_.Path("legacy/of/runs");
  train::Assembly trained_;
};

TEST_F(RegisterTest, AProbeOfTheEvaluationSplitAndABufferOfTheTrainingSplitAreWritten) {
  const absl::Status status = RegisterAs("old", {"--probe_images=5", "--buffer_images=4"});
  ASSERT_TRUE(status.ok()) << status;
  const LegacySet probe = SetOf("old", LegacyKind::kProbe);
  EXPECT_EQ(probe.name, "old");
  EXPECT_EQ(probe.size(), 5);
  ExpectTrue(probe, 90);
  const LegacySet buffer = SetOf("old", LegacyKind::kBuffer);
  EXPECT_EQ(buffer.size(), 4);
  ExpectTrue(buffer, 5);
}

TEST_F(RegisterTest, WithoutNumbersAllImagesOfSmallSplitsAreKept) {
  ASSERT_TRUE(RegisterAs("old").ok());
  EXPECT_EQ(SetOf("old", LegacyKind::kProbe).size(), kEvalImages);
  EXPECT_EQ(SetOf("old", LegacyKind::kBuffer).size(), kTrainImages);
  EXPECT_FALSE(std::filesystem::exists(output_ + "/old.fisher.safetensors"));
}

TEST_F(RegisterTest, HerdingKeepsAsManyOfEveryClass) {
  const absl::Status status =
      RegisterAs("old", {"--select=herding", "--buffer_images=6", "--probe_images=0"});
  ASSERT_TRUE(status.ok()) << status;
  const LegacySet buffer = SetOf("old", LegacyKind::kBuffer);
  ASSERT_EQ(buffer.size(), 6);
  for (const int64_t label : {0, 1, 2})
    EXPECT_EQ(std::count(buffer.labels.begin(), buffer.labels.end(), label), 2);
  ExpectTrue(buffer, 5);
  EXPECT_FALSE(std::filesystem::exists(PathOf("old", LegacyKind::kProbe)));
}

TEST_F(RegisterTest, WhatIsNotAskedForIsNotWritten) {
  ASSERT_TRUE(RegisterAs("old", {"--buffer_images=0"}).ok());
  EXPECT_TRUE(std::filesystem::exists(PathOf("old", LegacyKind::kProbe)));
  EXPECT_FALSE(std::filesystem::exists(PathOf("old", LegacyKind::kBuffer)));
  ASSERT_TRUE(
      RegisterAs("fish", {"--buffer_images=0", "--probe_images=0", "--fisher_images=2"}).ok());
  EXPECT_TRUE(std::filesystem::exists(output_ + "/fish.fisher.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(PathOf("fish", LegacyKind::kProbe)));
}

TEST_F(RegisterTest, TheSameSeedKeepsTheSameAndDomainsStandSideBySide) {
  const std::vector<std::string> few = {"--probe_images=3", "--buffer_images=3"};
  std::vector<std::string> other = few;
  other.push_back("--train.seed=77");
  ASSERT_TRUE(RegisterAs("a", few).ok());
  const std::string once = ReadFile(PathOf("a", LegacyKind::kBuffer)).value();
  ASSERT_TRUE(RegisterAs("b", other).ok());
  ASSERT_TRUE(RegisterAs("a", few).ok());
  EXPECT_EQ(ReadFile(PathOf("a", LegacyKind::kBuffer)).value(), once);
  EXPECT_NE(SetOf("b", LegacyKind::kBuffer).ids, SetOf("a", LegacyKind::kBuffer).ids);
  const auto both =
      legacy::LoadLegacyFolder(output_, LegacyKind::kProbe, {"cat", "dog", "eel"}, {1, 12, 12});
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->size(), 2u);
}

TEST_F(RegisterTest, WhatIsMissingOrWrongIsNamedAndNothingIsWritten) {
  EXPECT_TRUE(SaysInvalid(RegisterAs("a/b"), {"name is ''a/b''", "A-Za-z0-9._-"}));
  EXPECT_TRUE(SaysInvalid(RegisterAs(""), {"name"}));
  EXPECT_TRUE(SaysInvalid(RegisterAs("old", {"--select=best"}), {"select", "best", "herding"}));
  EXPECT_TRUE(SaysInvalid(Register({"--model.init=" + checkpoint_, "--name=old"}), {"output"}));
  EXPECT_TRUE(SaysInvalid(Register({"--name=old", "--output=" + output_}), {"model.init"}));
  EXPECT_FALSE(std::filesystem::exists(output_));
  const std::string file = folder_.Write("file", "mine");
  const absl::Status status = Register(
      {"--model.init=" + checkpoint_, "--log.level=error", "--name=old", "--output=" + file});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(file), absl::string_view::npos) << status;
  EXPECT_EQ(ReadFile(file).value(), "mine");
}

TEST_F(RegisterTest, AModelWhoseWeightsAreNoNumbersIsNotRemembered) {
  {
    const torch::NoGradGuard no_graph;
    trained_.model->vit()->head->weight.fill_(std::nan(""));
  }
  testing::SaveTiny(checkpoint_, trained_, testing::TomlOf(Config()));
  EXPECT_TRUE(Says(RegisterAs("old"), absl::StatusCode::kDataLoss, {"'old'", "nan"}));
  EXPECT_FALSE(std::filesystem::exists(PathOf("old", LegacyKind::kProbe)));
  EXPECT_FALSE(std::filesystem::exists(PathOf("old", LegacyKind::kBuffer)));
}

}  // namespace
}  // namespace sluice::commands

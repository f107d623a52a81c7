#include "worker/train/datasets.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/data/encode.h"

namespace sluice::train {
namespace {

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

// A split of `count` images of 8 x 8 whose pixels and label are their index.
void WriteSplit(const TemporaryFolder& folder, const std::string& split, uint32_t count) {
  std::string pixels, labels;
  for (uint32_t i = 0; i < count; ++i) {
    pixels += std::string(64, static_cast<char>(i));
    labels.push_back(static_cast<char>(i % 10));
  }
  folder.Write(split + "-images-idx3-ubyte",
               BigEndian(0x803) + BigEndian(count) + BigEndian(8) + BigEndian(8) + pixels);
  folder.Write(split + "-labels-idx1-ubyte", BigEndian(0x801) + BigEndian(count) + labels);
}

class DatasetsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteSplit(folder_, "train", 12);
    WriteSplit(folder_, "t10k", 5);
    config_.folder = folder_.path();
  }
  void WritePicture(const std::string& path, uint8_t grey) {
    folder_.Write(path, data::EncodePng(data::Plain({grey, grey, grey}, 10, 10), 3, 10, 10));
  }
  TemporaryFolder folder_;
  config::DataConfig config_;
};

TEST_F(DatasetsTest, BothSplitsAreOpenedAndCut) {
  config_.train_subset = "range:2-9";
  config_.eval_subset = "first:3";
  const auto datasets = OpenDatasets(config_, 1, 8, {});
  ASSERT_TRUE(datasets.ok()) << datasets.status();
  EXPECT_EQ(datasets->train->size(), 7);
  EXPECT_EQ(datasets->eval->size(), 3);
  EXPECT_EQ(datasets->train->Get(0)->label, 2);
  EXPECT_EQ(datasets->train->Get(0)->id, 2u);
  EXPECT_EQ(datasets->eval->Get(0)->label, 0);
  EXPECT_EQ(datasets->train->class_names().size(), 10u);
}

TEST_F(DatasetsTest, ImagesOfAnotherSizeAreNamedWithBothSizes) {
  EXPECT_TRUE(SaysInvalid(OpenDatasets(config_, 1, 28, {}).status(),
                          {"'train'", "1x8x8", "1x28x28", "model.image_size"}));
  EXPECT_TRUE(SaysInvalid(OpenDatasets(config_, 3, 8, {}).status(), {"1x8x8", "3x8x8"}));
}

TEST_F(DatasetsTest, AMissingFolderSplitOrSubsetIsNamed) {
  config::DataConfig missing = config_;
  missing.folder = folder_.Path("none");
  EXPECT_TRUE(Says(OpenDatasets(missing, 1, 8, {}).status(), absl::StatusCode::kNotFound,
                   {folder_.Path("none")}));
  config::DataConfig split = config_;
  split.eval_split = "validation";
  EXPECT_FALSE(OpenDatasets(split, 1, 8, {}).ok());
  config::DataConfig subset = config_;
  subset.eval_subset = "first:6";
  EXPECT_TRUE(SaysInvalid(OpenDatasets(subset, 1, 8, {}).status(), {"first:6"}));
}

TEST_F(DatasetsTest, AnEarlierRunsLabelMapHoldsForBothSplits) {
  const std::vector<std::string> names = {"k0", "k1", "k2", "k3", "k4",
                                          "k5", "k6", "k7", "k8", "k9"};
  const auto datasets = OpenDatasets(config_, 1, 8, names);
  ASSERT_TRUE(datasets.ok()) << datasets.status();
  EXPECT_EQ(datasets->train->class_names(), names);
  EXPECT_EQ(datasets->eval->class_names(), names);
  EXPECT_FALSE(OpenDatasets(config_, 1, 8, {"only", "two"}).ok());
}

TEST_F(DatasetsTest, FoldersAreResizedAndTheEvaluationTakesTheTrainingsLabels) {
  WritePicture("pictures/train/ant/a.png", 10);
  WritePicture("pictures/train/bee/b.png", 20);
  WritePicture("pictures/train/cat/c.png", 30);
  WritePicture("pictures/val/cat/d.png", 40);  // On its own, cat would be label 0.
  config_.format = "folder";
  config_.folder = folder_.Path("pictures");
  config_.eval_split = "val";
  const auto datasets = OpenDatasets(config_, 3, 6, {});
  ASSERT_TRUE(datasets.ok()) << datasets.status();
  EXPECT_EQ(datasets->train->class_names(), (std::vector<std::string>{"ant", "bee", "cat"}));
  EXPECT_EQ(datasets->eval->class_names(), datasets->train->class_names());
  const auto sample = datasets->eval->Get(0);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->label, 2);
  EXPECT_EQ(sample->image.shape(), (data::ImageShape{3, 6, 6}));
  WritePicture("pictures/val/dog/e.png", 40);
  EXPECT_TRUE(SaysInvalid(OpenDatasets(config_, 3, 6, {}).status(), {"dog"}));
}

}  // namespace
}  // namespace sluice::train

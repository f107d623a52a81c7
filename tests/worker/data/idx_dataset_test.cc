#include "worker/data/idx_dataset.h"

#include <cstdlib>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::data {
namespace {

using namespace std::string_literals;

// Two images of 1 x 2 pixels, and their labels.
const std::string kImages =
    "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\xFF\x33\x66"s;
const std::string kLabels = "\x00\x00\x08\x01\x00\x00\x00\x02\x04\x09"s;

std::string FashionMnist() {
  const char* path = std::getenv("SLUICE_FASHION_MNIST");
  return path != nullptr ? path : "/usr/share/datasets/fashion-mnist";
}

TEST(IdxDataset, ScalesPixelsAndNumbersImages) {
  const TemporaryFolder folder;
  folder.Write("train-images-idx3-ubyte", kImages);
  folder.Write("train-labels-idx1-ubyte", kLabels);
  const auto dataset = IdxDataset::Open(folder.path(), "train");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->size(), 2);
  EXPECT_EQ((*dataset)->shape(), (ImageShape{1, 1, 2}));
  EXPECT_EQ((*dataset)->class_names()[9], "9");
  const auto sample = (*dataset)->Get(1);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(sample->image.pixels, (std::vector<float>{51 / 255.0f, 102 / 255.0f}));
  EXPECT_EQ(sample->label, 9);
  EXPECT_EQ(sample->id, 1u);
  EXPECT_EQ((*dataset)->Get(0)->image.pixels, (std::vector<float>{0.0f, 1.0f}));
  EXPECT_FALSE((*dataset)->Get(2).ok());
}

TEST(IdxDataset, RefusesFilesThatDoNotFit) {
  const TemporaryFolder folder;
  folder.Write("t10k-images-idx3-ubyte", kImages);
  folder.Write("t10k-labels-idx1-ubyte", "\x00\x00\x08\x01\x00\x00\x00\x03\x00\x00\x00"s);
  EXPECT_TRUE(SaysInvalid(IdxDataset::Open(folder.path(), "test").status(),
                          {"t10k-labels", "3 labels", "t10k-images", "2 images"}));
  folder.Write("t10k-labels-idx1-ubyte", "\x00\x00\x08\x01\x00\x00\x00\x02\x04\x0A"s);
  EXPECT_TRUE(SaysInvalid(IdxDataset::Open(folder.path(), "t10k").status(),
                          {"t10k-labels", "label 1 is 10", "[0, 9]"}));
  EXPECT_TRUE(SaysInvalid(IdxDataset::Open(folder.path(), "t10k", {"a", "b", "c"}).status(),
                          {"label 0 is 4", "[0, 2]"}));
}

TEST(IdxDataset, NamesSplitsAndFilesThatAreNotThere) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      SaysInvalid(IdxDataset::Open(folder.path(), "dev").status(), {"'dev'", "train, t10k, test"}));
  EXPECT_TRUE(Says(IdxDataset::Open(folder.path(), "train").status(), absl::StatusCode::kNotFound,
                   {"train-images-idx3-ubyte", ".gz"}));
}

TEST(IdxDataset, ReadsFashionMnist) {
  const std::vector<std::string> names = {"T-shirt", "Trouser", "Pullover", "Dress", "Coat",
                                          "Sandal",  "Shirt",   "Sneaker",  "Bag",   "Boot"};
  for (const auto& [split, size] : {std::pair{"train", 60000}, std::pair{"t10k", 10000}}) {
    const auto dataset = IdxDataset::Open(FashionMnist(), split, names);
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_EQ((*dataset)->size(), size);
    EXPECT_EQ((*dataset)->shape(), (ImageShape{1, 28, 28}));
    // The dataset is balanced, by its makers' description.
    std::vector<int> counts(10);
    for (int64_t i = 0; i < size; ++i) ++counts[static_cast<size_t>((*dataset)->Get(i)->label)];
    EXPECT_EQ(counts, std::vector<int>(10, size / 10));
  }
  // The first test image is an ankle boot.
  EXPECT_EQ((*IdxDataset::Open(FashionMnist(), "test"))->Get(0)->label, 9);
}

}  // namespace
}  // namespace sluice::data

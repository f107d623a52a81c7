#include "worker/data/image_folder.h"

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/data/encode.h"

namespace sluice::data {
namespace {

std::string RedPng() { return EncodePng(Plain({255, 0, 0}, 12, 9), 3, 12, 9); }
std::string GreenJpeg() { return EncodeJpeg(Plain({0, 255, 0}, 16, 16), 3, 16, 16); }

ImageFolderOptions Small() {
  ImageFolderOptions options;
  options.read.size = 8;
  return options;
}

// b/1.PNG, b/2.jpeg (both red or green), a/x.jpg, and things that are no images.
void Fill(const TemporaryFolder& folder) {
  folder.Write("b/1.PNG", RedPng());
  folder.Write("b/2.jpeg", GreenJpeg());
  folder.Write("a/x.jpg", GreenJpeg());
  folder.Write("a/notes.txt", "text");
  folder.Write("a/.hidden.png", "text");
  folder.Write("readme.png", "not in a class");
}

TEST(ImageFolder, SortsClassesAndFilesAndDecodes) {
  const TemporaryFolder folder;
  Fill(folder);
  const auto dataset = ImageFolder::Open(folder.path(), Small());
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->class_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ((*dataset)->shape(), (ImageShape{3, 8, 8}));
  ASSERT_EQ((*dataset)->size(), 3);
  const std::vector<int64_t> labels = {0, 1, 1};
  const std::vector<int> bright = {1, 0, 1};
  for (int64_t i = 0; i < 3; ++i) {
    const auto sample = (*dataset)->Get(i);
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_EQ(sample->label, labels[static_cast<size_t>(i)]);
    EXPECT_EQ(sample->id, static_cast<uint64_t>(i));
    EXPECT_EQ(sample->image.shape(), (*dataset)->shape());
    EXPECT_NEAR(sample->image.at(bright[static_cast<size_t>(i)], 4, 4), 1.0, 0.02);
    EXPECT_NEAR(sample->image.at(2, 4, 4), 0.0, 0.02);
  }
  EXPECT_FALSE((*dataset)->Get(3).ok());
}

TEST(ImageFolder, TurnsToGreyWhenAsked) {
  const TemporaryFolder folder;
  Fill(folder);
  ImageFolderOptions options = Small();
  options.read.channels = 1;
  const auto dataset = ImageFolder::Open(folder.path(), options);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_NEAR((*dataset)->Get(1)->image.at(0, 4, 4), 0.299, 0.01);
}

TEST(ImageFolder, UsesTheTrainingsLabels) {
  const TemporaryFolder folder;
  Fill(folder);
  ImageFolderOptions options = Small();
  options.label_map = {{"b", 0}, {"a", 2}, {"c", 1}};
  const auto dataset = ImageFolder::Open(folder.path(), options);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->class_names(), (std::vector<std::string>{"b", "c", "a"}));
  EXPECT_EQ((*dataset)->Get(0)->label, 2);
  EXPECT_EQ((*dataset)->Get(2)->label, 0);
}

TEST(ImageFolder, RefusesUnknownClassesAndBadMaps) {
  const TemporaryFolder folder;
  Fill(folder);
  ImageFolderOptions options = Small();
  options.label_map = {{"a", 0}};
  EXPECT_TRUE(SaysInvalid(ImageFolder::Open(folder.path(), options).status(),
                          {folder.Path("b"), "class 'b'", "label map of 1"}));
  options.label_map = {{"a", 0}, {"b", 2}};
  EXPECT_TRUE(SaysInvalid(ImageFolder::Open(folder.path(), options).status(), {"'b'", "label 2"}));
  options.label_map = {{"a", 0}, {"b", 0}};
  EXPECT_TRUE(SaysInvalid(ImageFolder::Open(folder.path(), options).status(), {"'b'", "label 0"}));
}

TEST(ImageFolder, NamesTheFileThatDoesNotDecode) {
  const TemporaryFolder folder;
  Fill(folder);
  folder.Write("c/broken.png", RedPng().substr(0, 40));
  folder.Write("c/strip.png", EncodePng(Plain({1}, 1, 100), 1, 1, 100));
  const auto dataset = ImageFolder::Open(folder.path(), Small());
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE(SaysInvalid((*dataset)->Get(3).status(), {folder.Path("c/broken.png"), "PNG"}));
  EXPECT_TRUE(SaysInvalid((*dataset)->Get(4).status(), {"c/strip.png", "1 x 100", "64"}));
}

TEST(ImageFolder, RefusesEmptyFoldersAndBadOptions) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      SaysInvalid(ImageFolder::Open(folder.path(), Small()).status(), {folder.path(), "no image"}));
  EXPECT_TRUE(Says(ImageFolder::Open(folder.Path("gone"), Small()).status(),
                   absl::StatusCode::kNotFound, {"gone"}));
  ImageFolderOptions options = Small();
  options.read.channels = 2;
  EXPECT_TRUE(SaysInvalid(ImageFolder::Open(folder.path(), options).status(), {"channels is 2"}));
  options = Small();
  options.read.size = 0;
  EXPECT_TRUE(SaysInvalid(ImageFolder::Open(folder.path(), options).status(), {"size is 0"}));
  options = Small();
  options.read.crop_fraction = 1.5;
  EXPECT_TRUE(SaysInvalid(ImageFolder::Open(folder.path(), options).status(), {"1.5", "(0, 1]"}));
}

}  // namespace
}  // namespace sluice::data

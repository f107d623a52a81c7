#include "worker/data/image_files.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/data/encode.h"

namespace sluice::data {
namespace {

ReadImageOptions SmallRead() {
  ReadImageOptions options;
  options.size = 8;
  return options;
}

std::string RedFile() { return EncodePng(Plain({255, 0, 0}, 12, 9), 3, 12, 9); }

TEST(ImageFiles, TakesFilesAsNamedAndFoldersInOrder) {
  const TemporaryFolder folder;
  folder.Write("in/b/2.png", RedFile());
  folder.Write("in/a.JPG", EncodeJpeg(Plain({0, 255, 0}, 16, 16), 3, 16, 16));
  folder.Write("in/notes.txt", "text");
  folder.Write("in/.hidden.png", "text");
  folder.Write("z.png", RedFile());
  const auto files =
      ImageFiles::Open({folder.path() + "/z.png", folder.path() + "/in"}, SmallRead());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ((*files)->files(),
            (std::vector<std::string>{folder.path() + "/z.png", folder.path() + "/in/a.JPG",
                                      folder.path() + "/in/b/2.png"}));
  const std::vector<int> bright = {0, 1, 0};
  for (int64_t i = 0; i < 3; ++i) {
    const auto sample = (*files)->Get(i);
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_EQ(sample->image.shape(), (ImageShape{3, 8, 8}));
    EXPECT_EQ(sample->id, static_cast<uint64_t>(i));
    EXPECT_NEAR(sample->image.at(bright[static_cast<size_t>(i)], 4, 4), 1.0, 0.02);
  }
  EXPECT_FALSE((*files)->Get(3).ok());
}

TEST(ImageFiles, ErrorsNameThePath) {
  const TemporaryFolder folder;
  folder.Write("empty/notes.txt", "text");
  folder.Write("bad.png", RedFile().substr(0, 40));
  EXPECT_TRUE(Says(ImageFiles::Open({folder.Path("none.png")}, SmallRead()).status(),
                   absl::StatusCode::kNotFound, {"none.png"}));
  EXPECT_TRUE(SaysInvalid(ImageFiles::Open({folder.Path("empty")}, SmallRead()).status(),
                          {"empty", ".png"}));
  EXPECT_FALSE(ImageFiles::Open({}, SmallRead()).ok());
  const auto files = ImageFiles::Open({folder.path() + "/bad.png"}, SmallRead());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(SaysInvalid((*files)->Get(0).status(), {"bad.png"}));
}

}  // namespace
}  // namespace sluice::data

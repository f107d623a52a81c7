#include "worker/ingest/spool_reader.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/ingest/pictures.h"

namespace sluice::ingest {
namespace {

using testing::Classes;
using testing::Images;
using testing::Small;

class SpoolReaderTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  SpoolWriter writer_ = SpoolWriter::Open(folder_.path()).value();
};

TEST_F(SpoolReaderTest, SeesAsManyAsItIsToldOf) {
  SpoolReader reader(folder_.path(), Classes(), Small());
  EXPECT_TRUE(reader.Grow(0).ok());
  ASSERT_TRUE(writer_.Append(Images(0, 3)).ok());
  ASSERT_TRUE(reader.Grow(2).ok());
  EXPECT_EQ(reader.images(), 2);
  const uint32_t two = reader.checksum();
  ASSERT_TRUE(writer_.Append(Images(3, 2)).ok());
  ASSERT_TRUE(reader.Grow(5).ok());
  ASSERT_TRUE(reader.Grow(1).ok());
  EXPECT_EQ(reader.images(), 5);
  for (int i = 0; i < 5; ++i) {
    const absl::StatusOr<data::Sample> sample = reader.Get(i);
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_EQ(sample->label, i % 3);
    EXPECT_EQ(sample->id, SpoolReader::kIngestedIds + static_cast<uint64_t>(i));
    EXPECT_EQ(sample->image.shape(), (data::ImageShape{1, 4, 4}));
    EXPECT_NEAR(sample->image.pixels[5], i / 255.0, 1e-6);
    EXPECT_EQ(reader.NameOf(i).value(), "i" + std::to_string(i));
  }
  SpoolReader other(folder_.path(), Classes(), Small());
  ASSERT_TRUE(other.Grow(2).ok());
  EXPECT_EQ(other.checksum(), two);
  EXPECT_NE(reader.checksum(), two);
}

TEST_F(SpoolReaderTest, WhatIsNotThereYetIsUnavailable) {
  SpoolReader elsewhere(folder_.Path("none"), Classes(), Small());
  EXPECT_TRUE(Says(elsewhere.Grow(1), absl::StatusCode::kUnavailable, {folder_.Path("none")}));
  SpoolReader reader(folder_.path(), Classes(), Small());
  ASSERT_TRUE(writer_.Append(Images(0, 2)).ok());
  EXPECT_TRUE(
      Says(reader.Grow(3), absl::StatusCode::kUnavailable, {"has 2 whole images, expected 3"}));
  ASSERT_TRUE(writer_.Append(Images(2, 1)).ok());
  EXPECT_TRUE(reader.Grow(3).ok());
}

TEST_F(SpoolReaderTest, AClassOfAnotherRunIsNamed) {
  ASSERT_TRUE(writer_.Append(Images(0, 3)).ok());
  SpoolReader reader(folder_.path(), {"dog", "cat"}, Small());
  EXPECT_TRUE(Says(reader.Grow(3), absl::StatusCode::kFailedPrecondition,
                   {"'i2' has class 'owl'", "one of the 2"}));
  // Labels follow the names, whatever their order was.
  EXPECT_EQ(reader.images(), 2);
  SpoolReader turned(folder_.path(), {"owl", "dog", "cat"}, Small());
  ASSERT_TRUE(turned.Grow(3).ok());
  EXPECT_EQ(turned.Get(0)->label, 2);
  EXPECT_EQ(turned.Get(2)->label, 0);
}

TEST_F(SpoolReaderTest, ADamagedImageIsAnError) {
  ASSERT_TRUE(writer_.Append(Images(0, 1)).ok());
  SpoolReader reader(folder_.path(), Classes(), Small());
  ASSERT_TRUE(reader.Grow(1).ok());
  const std::string path = folder_.Path(kSpoolName);
  std::string text = ReadFile(path).value();
  text.back() = static_cast<char>(text.back() ^ 1);
  ASSERT_TRUE(WriteFileAtomically(path, text).ok());
  SpoolReader again(folder_.path(), Classes(), Small());
  ASSERT_TRUE(again.Grow(1).ok());
  EXPECT_TRUE(Says(again.Get(0).status(), absl::StatusCode::kDataLoss, {"'i0'"}));
  EXPECT_TRUE(reader.Get(0).ok()) << "it holds the file that it opened";
}

}  // namespace
}  // namespace sluice::ingest

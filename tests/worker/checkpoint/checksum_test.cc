#include "worker/checkpoint/checksum.h"

#include <gtest/gtest.h>

#include <set>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::checkpoint {
namespace {

using tensors::DType;
using tensors::NamedTensor;
using tensors::SafetensorsFile;
using Metadata = std::map<std::string, std::string>;

const std::string kFour("\1\2\3\4", 4);
const std::string kEight("\5\6\7\0\1\2\3\4", 8);

std::vector<NamedTensor> Two() {
  return {{"a", DType::kF32, {1}, kFour}, {"b", DType::kF32, {2}, kEight}};
}

const Metadata kSaid = {{"state", "{}"}, {"format", "1"}};

// What the file at `path` says of itself, which has `metadata`.
absl::Status Verify(const std::string& path, const Metadata& metadata) {
  absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata(), metadata);
  return VerifyChecksum(*file, path);
}

Metadata WithSum(Metadata metadata, const std::string& sum) {
  metadata[kChecksumKey] = sum;
  return metadata;
}

TEST(ContentChecksum, OfNothingIsZeroAndEightDigitsLong) {
  EXPECT_EQ(ContentChecksum({}, {}), "00000000");
  EXPECT_EQ(ContentChecksum(Two(), kSaid).size(), 8u);
}

TEST(ContentChecksum, OrderAndTheKeyOfTheSumDoNotMatter) {
  const std::string sum = ContentChecksum(Two(), kSaid);
  EXPECT_EQ(ContentChecksum({Two()[1], Two()[0]}, kSaid), sum);
  EXPECT_EQ(ContentChecksum(Two(), WithSum(kSaid, "another")), sum);
}

TEST(ContentChecksum, EverythingElseThatAFileSaysDoes) {
  std::set<std::string> sums = {ContentChecksum(Two(), kSaid)};
  const auto add = [&](const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
    EXPECT_TRUE(sums.insert(ContentChecksum(tensors, metadata)).second) << sums.size();
  };
  std::vector<NamedTensor> changed = Two();
  changed[0].name = "c";
  add(changed, kSaid);
  changed = Two();
  changed[0].dtype = DType::kI32;
  add(changed, kSaid);
  changed = Two();
  changed[1].shape = {2, 1};
  add(changed, kSaid);
  changed = Two();
  std::swap(changed[0].name, changed[1].name);
  add(changed, kSaid);
  std::string flipped = kFour;
  flipped[3] = static_cast<char>(flipped[3] ^ 0x80);
  changed = Two();
  changed[0].data = flipped;
  add(changed, kSaid);
  add({Two()[0]}, kSaid);
  add(Two(), {{"state", "{ }"}, {"format", "1"}});
  add(Two(), {{"State", "{}"}, {"format", "1"}});
  add(Two(), {{"state", "{}"}});
  // The same bytes, divided in another way.
  add({}, {{"ab", "c"}});
  add({}, {{"a", "bc"}});
}

class VerifyChecksumTest : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string path_ = folder_.Path("file.safetensors");
};

TEST_F(VerifyChecksumTest, WhatWasWrittenHolds) {
  const Metadata said = WithSum(kSaid, ContentChecksum(Two(), kSaid));
  ASSERT_TRUE(tensors::WriteSafetensors(path_, Two(), said).ok());
  EXPECT_TRUE(Verify(path_, said).ok()) << Verify(path_, said);
}

TEST_F(VerifyChecksumTest, AFileWithoutASumIsTakenAsItIs) {
  ASSERT_TRUE(tensors::WriteSafetensors(path_, Two(), kSaid).ok());
  EXPECT_TRUE(Verify(path_, kSaid).ok());
}

TEST_F(VerifyChecksumTest, AnotherSumIsALossThatSaysBoth) {
  const std::string sum = ContentChecksum(Two(), kSaid);
  for (const std::string wrong : {"00000000", "", "no sum"}) {
    const Metadata said = WithSum(kSaid, wrong);
    ASSERT_TRUE(tensors::WriteSafetensors(path_, Two(), said).ok());
    EXPECT_TRUE(Says(Verify(path_, said), absl::StatusCode::kDataLoss,
                     {path_, "checksum " + sum, "expected " + wrong}));
  }
}

TEST_F(VerifyChecksumTest, AFlippedBitOfAnyTensorIsFound) {
  const Metadata said = WithSum(kSaid, ContentChecksum(Two(), kSaid));
  ASSERT_TRUE(tensors::WriteSafetensors(path_, Two(), said).ok());
  const std::string whole = *ReadFile(path_);
  for (size_t from_end = 1; from_end <= kFour.size() + kEight.size(); ++from_end) {
    std::string bytes = whole;
    char& byte = bytes[bytes.size() - from_end];
    byte = static_cast<char>(byte ^ 1);
    ASSERT_TRUE(WriteFileAtomically(path_, bytes).ok());
    EXPECT_EQ(Verify(path_, said).code(), absl::StatusCode::kDataLoss) << from_end;
  }
}

}  // namespace
}  // namespace sluice::checkpoint

#include "worker/ingest/spool_record.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "common/file_descriptor.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::ingest {
namespace {

class SpoolRecordTest : public ::testing::Test {
 protected:
  // The record at `offset` of a file of `bytes`.
  std::optional<SpoolRecord> Read(const std::string& bytes, uint64_t offset) {
    EXPECT_TRUE(WriteFileAtomically(path_, bytes).ok());
    file_ = FileDescriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    return ReadRecord(file_.get(), offset, FileBytes(file_.get()).value()).value();
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.Path("spool");
  FileDescriptor file_;
};

TEST_F(SpoolRecordTest, ComesBackAsItWas) {
  const std::string longest(kMostNameBytes, 'n');
  const std::string first = EncodeRecord("a", "dog", std::string("\0image\n", 7), 8);
  const std::string second = EncodeRecord(longest, longest, "", 12345678901);
  const auto one = Read(first + second, 0);
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->id, "a");
  EXPECT_EQ(one->class_name, "dog");
  EXPECT_EQ(one->batch_start, 8u);
  EXPECT_EQ(one->end(), first.size());
  EXPECT_EQ(ReadImageBytes(file_.get(), *one).value(), std::string("\0image\n", 7));
  const auto two = Read(first + second, first.size());
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->id, longest);
  EXPECT_EQ(two->class_name, longest);
  EXPECT_EQ(two->batch_start, 12345678901u);
  EXPECT_EQ(two->end(), first.size() + second.size());
  EXPECT_EQ(ReadImageBytes(file_.get(), *two).value(), "");
  EXPECT_FALSE(Read(first, first.size()).has_value());
}

// Whatever bit changes, and wherever the file ends: no record, or one whose image is DATA_LOSS.
TEST_F(SpoolRecordTest, DamageIsNoticedWhereverItIs) {
  const std::string whole = EncodeRecord("name", "dog", "bytes of an image", 8);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 7}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const auto record = Read(damaged, 0);
      EXPECT_EQ(record.has_value(), at >= kHeadBytes) << at;
      if (!record) continue;
      EXPECT_TRUE(Says(ReadImageBytes(file_.get(), *record).status(), absl::StatusCode::kDataLoss,
                       {"at byte 0", "damaged"}));
    }
    EXPECT_FALSE(Read(whole.substr(0, at), 0).has_value()) << at;
  }
  EXPECT_FALSE(Read(std::string(200, '\0'), 0).has_value());
}

}  // namespace
}  // namespace sluice::ingest

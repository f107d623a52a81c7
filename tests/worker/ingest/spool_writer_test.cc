#include "worker/ingest/spool_writer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/ingest/pictures.h"

namespace sluice::ingest {
namespace {

using testing::Images;

class SpoolWriterTest : public ::testing::Test {
 protected:
  void Store(int first, int count) {
    auto writer = SpoolWriter::Open(folder_.path());
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->Append(Images(first, count)).ok());
  }
  int64_t Count() {
    const auto writer = SpoolWriter::Open(folder_.path());
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? writer->images() : -1;
  }
  std::string Text() const { return ReadFile(path_).value(); }
  void Write(const std::string& text) { ASSERT_TRUE(WriteFileAtomically(path_, text).ok()); }

  TemporaryFolder folder_;
  std::string path_ = folder_.Path(kSpoolName);
};

TEST_F(SpoolWriterTest, KeepsWhatItWasGiven) {
  Store(0, 3);
  Store(3, 2);
  const auto writer = SpoolWriter::Open(folder_.path());
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(writer->images(), 5);
  EXPECT_EQ(writer->bytes(), std::filesystem::file_size(path_));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(writer->Contains("i" + std::to_string(i)));
  EXPECT_FALSE(writer->Contains("i5"));
}

TEST_F(SpoolWriterTest, CreatesItsFolder) {
  const std::string folder = folder_.Path("new/folder");
  EXPECT_EQ(SpoolWriter::Open(folder)->images(), 0);
  EXPECT_EQ(ReadFile(folder + "/" + kSpoolName).value(), kSpoolMagic);
}

// Wherever the last batch was cut off: what was acknowledged before stays, and more may follow.
TEST_F(SpoolWriterTest, ATornBatchIsCutWhereverItEnds) {
  Store(0, 2);
  const std::string durable = Text();
  Store(2, 2);
  const std::string whole = Text();
  for (size_t end = durable.size(); end < whole.size(); end += end % 11 == 0 ? 1 : 7) {
    for (const bool zeros : {false, true}) {
      std::string torn = whole.substr(0, end);
      if (zeros) torn.resize(whole.size(), '\0');  // A length that came before its data.
      Write(torn);
      const int64_t found = Count();
      ASSERT_TRUE(found == 2 || (found == 3 && end > durable.size())) << end;
      const uint64_t bytes = std::filesystem::file_size(path_);
      Store(10, 1);
      EXPECT_EQ(Count(), found + 1) << end;
      EXPECT_GT(std::filesystem::file_size(path_), bytes);
    }
  }
}

// Of the last batch any page may be missing; images behind it were not acknowledged either.
TEST_F(SpoolWriterTest, AHoleInTheLastBatchEndsIt) {
  Store(0, 2);
  const size_t durable = Text().size();
  Store(2, 4);
  const std::string whole = Text();
  for (size_t at = durable; at < whole.size(); at += 7) {
    std::string hole = whole;
    hole.replace(at, std::min<size_t>(7, whole.size() - at), std::min<size_t>(7, whole.size() - at),
                 '\0');
    if (hole == whole) continue;
    Write(hole);
    const int64_t found = Count();
    EXPECT_GE(found, 2) << at;
    EXPECT_LT(found, 6) << at;
  }
}

TEST_F(SpoolWriterTest, DamageOfWhatWasDurableIsAnErrorAndCutsNothing) {
  Store(0, 2);
  const size_t first = Text().size();
  Store(2, 2);
  Store(4, 1);
  std::string text = Text();
  text[first + 3] = '?';  // A head of the second of three batches.
  Write(text);
  EXPECT_TRUE(Says(SpoolWriter::Open(folder_.path()).status(), absl::StatusCode::kDataLoss,
                   {path_, "the record at byte " + std::to_string(first) + " is damaged"}));
  EXPECT_EQ(Text(), text);
}

TEST_F(SpoolWriterTest, HasOneWriter) {
  const auto first = SpoolWriter::Open(folder_.path());
  EXPECT_TRUE(Says(SpoolWriter::Open(folder_.path()).status(),
                   absl::StatusCode::kFailedPrecondition, {path_, "another run"}));
}

TEST_F(SpoolWriterTest, AnotherKindOfFileIsRefused) {
  Write("something else that is long enough");
  EXPECT_TRUE(SaysInvalid(SpoolWriter::Open(folder_.path()).status(), {path_, "SLSPOOL1"}));
  EXPECT_EQ(Text(), "something else that is long enough");
}

}  // namespace
}  // namespace sluice::ingest

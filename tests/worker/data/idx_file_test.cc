#include "worker/data/idx_file.h"

#include <zlib.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::data {
namespace {

using namespace std::string_literals;

// Three labels: 7, 0, 9.
const std::string kThreeLabels = "\x00\x00\x08\x01\x00\x00\x00\x03\x07\x00\x09"s;

std::string Gzip(const std::string& text, const std::string& path) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(IdxFile, ReadsPlainAndCompressed) {
  const TemporaryFolder folder;
  const std::string plain = folder.Write("plain", kThreeLabels);
  Gzip(kThreeLabels, folder.Path("labels.gz"));
  for (const std::string& path : {plain, folder.Path("labels.gz")}) {
    const auto file = ReadIdxFile(path, 1);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->dimensions, std::vector<int64_t>{3});
    EXPECT_EQ(file->values, (std::vector<uint8_t>{7, 0, 9}));
  }
}

TEST(IdxFile, ReadsDimensionsInOrder) {
  const TemporaryFolder folder;
  const auto file =
      ReadIdxFile(folder.Write("f",
                               "\x00\x00\x08\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"
                               "abcdef"s),
                  3);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->dimensions, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(file->values.back(), 'f');
}

TEST(IdxFile, RefusesDamageByNameValueAndExpectation) {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& contents) {
    return ReadIdxFile(folder.Write("damaged", contents), 1).status();
  };
  EXPECT_TRUE(SaysInvalid(read(kThreeLabels.substr(0, 6)), {"damaged", "6 bytes", "expected 8"}));
  EXPECT_TRUE(SaysInvalid(read(""), {"damaged", "0 bytes", "expected 8"}));
  EXPECT_TRUE(SaysInvalid(read(kThreeLabels.substr(0, 10)), {"damaged", "2 values", "expected 3"}));
  EXPECT_TRUE(SaysInvalid(read(kThreeLabels + "x"), {"damaged", "more than the expected 3"}));
  std::string wrong = kThreeLabels;
  wrong[3] = 3;
  EXPECT_TRUE(SaysInvalid(read(wrong), {"damaged", "0x00000803", "expected 0x00000801"}));
  std::string empty = kThreeLabels;
  empty[7] = 0;
  EXPECT_TRUE(SaysInvalid(read(empty), {"damaged", "dimension 0 is 0"}));
  std::string huge = kThreeLabels;
  huge[4] = '\x7F';
  EXPECT_TRUE(SaysInvalid(read(huge), {"damaged", "3 values", "truncated"}));
}

TEST(IdxFile, RefusesProductsThatOverflow) {
  const TemporaryFolder folder;
  const std::string side = "\xFF\xFF\xFF\xFF"s;
  const auto file = ReadIdxFile(folder.Write("f", "\x00\x00\x08\x03"s + side + side + side), 3);
  EXPECT_TRUE(SaysInvalid(file.status(), {"dimension 1 is 4294967295"}));
}

TEST(IdxFile, RefusesDamagedCompression) {
  const TemporaryFolder folder;
  const std::string whole = Gzip(kThreeLabels, folder.Path("whole.gz"));
  const std::string cut = folder.Write("cut.gz", whole.substr(0, whole.size() - 4));
  EXPECT_TRUE(SaysInvalid(ReadIdxFile(cut, 1).status(), {"cut.gz"}));
  std::string flipped = whole;
  flipped[flipped.size() - 6] ^= 0x40;  // In the checksum.
  EXPECT_TRUE(SaysInvalid(ReadIdxFile(folder.Write("flipped.gz", flipped), 1).status(),
                          {"flipped.gz", "decompressed"}));
}

TEST(IdxFile, NamesAFileThatIsNotThere) {
  EXPECT_TRUE(Says(ReadIdxFile("/no/such/file", 1).status(), absl::StatusCode::kNotFound,
                   {"/no/such/file"}));
}

}  // namespace
}  // namespace sluice::data

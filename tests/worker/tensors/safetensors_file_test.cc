#include "worker/tensors/safetensors_file.h"

#include <cstring>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::tensors {
namespace {

using namespace std::string_literals;

// What the Python package safetensors 0.8 writes for {"b": float32 [0, 1], "a": uint8 [[1], [2],
// [3]], "w": float64 1.5} with metadata {"k": "v"}.
const std::string kGolden =
    "\xc0\x00\x00\x00\x00\x00\x00\x00"
    R"({"__metadata__":{"k":"v"},"w":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
    R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
    R"("a":{"dtype":"U8","shape":[3,1],"data_offsets":[16,19]}}    )"
    "\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x80\x3f\x01\x02\x03"s;

std::string Length(uint64_t n) { return {reinterpret_cast<const char*>(&n), sizeof(n)}; }

TEST(SafetensorsFile, ReadsWhatThePythonPackageWrote) {
  const TemporaryFolder folder;
  const auto file = SafetensorsFile::Open(folder.Write("golden", kGolden));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->names(), (std::vector<std::string>{"a", "b", "w"}));
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"k", "v"}}));
  const auto b = file->Get("b");
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(b->dtype, DType::kF32);
  EXPECT_EQ(b->shape, std::vector<int64_t>{2});
  float values[2];
  ASSERT_EQ(b->data.size(), sizeof(values));
  std::memcpy(values, b->data.data(), sizeof(values));
  EXPECT_EQ(values[0], 0.0f);
  EXPECT_EQ(values[1], 1.0f);
  EXPECT_EQ(file->Get("a")->data, "\x01\x02\x03");
  EXPECT_TRUE(file->Get("w")->shape.empty());
  EXPECT_TRUE(file->Contains("w"));
  EXPECT_TRUE(Says(file->Get("x").status(), absl::StatusCode::kNotFound, {"golden", "'x'"}));
}

TEST(SafetensorsFile, ViewsSurviveAMoveOfTheFile) {
  const TemporaryFolder folder;
  auto file = SafetensorsFile::Open(folder.Write("golden", kGolden));
  ASSERT_TRUE(file.ok()) << file.status();
  const TensorView view = *file->Get("a");
  const SafetensorsFile moved = *std::move(file);
  EXPECT_EQ(view.data, "\x01\x02\x03");
  EXPECT_EQ(moved.Get("a")->data.data(), view.data.data());
}

TEST(SafetensorsFile, RefusesHostileLengths) {
  const TemporaryFolder folder;
  const auto open = [&](const std::string& contents) {
    return SafetensorsFile::Open(folder.Write("hostile", contents)).status();
  };
  EXPECT_TRUE(SaysInvalid(open(""), {"hostile", "0 bytes", "at least 8"}));
  EXPECT_TRUE(SaysInvalid(open("1234567"), {"hostile", "7 bytes"}));
  EXPECT_TRUE(SaysInvalid(open(Length(3) + "{}"), {"hostile", "length is 3", "at most 2"}));
  EXPECT_TRUE(SaysInvalid(open(Length(~uint64_t{0}) + "{}"), {"length is 18446744073709551615"}));
  EXPECT_TRUE(SaysInvalid(open(Length(~uint64_t{7}) + "{}"), {"at most 2"}));
  EXPECT_TRUE(SaysInvalid(open(Length(0)), {"hostile", "'{'"}));
  EXPECT_TRUE(SaysInvalid(open(Length(2) + "{}x"), {"hostile", "0 bytes", "all 1"}));
  EXPECT_TRUE(open(Length(2) + "{}").ok());
}

// A sparse file is long enough for its header, which is still over the limit.
TEST(SafetensorsFile, RefusesAHeaderOverTheLimit) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("big", Length(kMaxHeaderBytes + 1) + "{");
  std::filesystem::resize_file(path, kMaxHeaderBytes + 100);
  EXPECT_TRUE(SaysInvalid(SafetensorsFile::Open(path).status(),
                          {"length is 100000001", "limit 100000000"}));
}

TEST(SafetensorsFile, RefusesEveryCutOfAGoodFile) {
  const TemporaryFolder folder;
  for (size_t size = 0; size < kGolden.size(); ++size) {
    EXPECT_FALSE(SafetensorsFile::Open(folder.Write("cut", kGolden.substr(0, size))).ok()) << size;
  }
}

TEST(SafetensorsFile, NamesWhatIsNotAFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(Says(SafetensorsFile::Open(folder.Path("gone")).status(), absl::StatusCode::kNotFound,
                   {"gone"}));
  EXPECT_TRUE(SaysInvalid(SafetensorsFile::Open(folder.path()).status(), {"not a regular file"}));
}

}  // namespace
}  // namespace sluice::tensors

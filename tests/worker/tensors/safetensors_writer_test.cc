#include "worker/tensors/safetensors_writer.h"

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::tensors {
namespace {

using namespace std::string_literals;

const std::string kA = "\x01\x02\x03";
const std::string kB = "\x00\x00\x00\x00\x00\x00\x80\x3f"s;
const std::string kW = "\x00\x00\x00\x00\x00\x00\xf8\x3f"s;

std::vector<NamedTensor> Three() {
  return {{"a", DType::kU8, {3, 1}, kA}, {"b", DType::kF32, {2}, kB}, {"w", DType::kF64, {}, kW}};
}

// The bytes of the Python package safetensors 0.8 for the same tensors; see
// safetensors_file_test.cc.
TEST(SafetensorsWriter, WritesThePythonPackagesBytes) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("out");
  ASSERT_TRUE(WriteSafetensors(path, Three(), {{"k", "v"}}).ok());
  EXPECT_EQ(*ReadFile(path),
            "\xc0\x00\x00\x00\x00\x00\x00\x00"
            R"({"__metadata__":{"k":"v"},"w":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
            R"("a":{"dtype":"U8","shape":[3,1],"data_offsets":[16,19]}}    )"s +
                kW + kB + kA);
}

TEST(SafetensorsWriter, RoundTripsEveryType) {
  const TemporaryFolder folder;
  const std::string data(16, '\x5A');
  std::vector<NamedTensor> tensors;
  for (const char* name :
       {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "U64"}) {
    const DType dtype = *ParseDType(name);
    tensors.push_back({name, dtype, {2}, absl::string_view(data).substr(0, 2 * DTypeSize(dtype))});
  }
  tensors.push_back({"none of \"it\" \n", DType::kF32, {0, 4}, ""});
  ASSERT_TRUE(WriteSafetensors(folder.Path("out"), tensors, {}).ok());
  const auto file = SafetensorsFile::Open(folder.Path("out"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->names().size(), tensors.size());
  EXPECT_TRUE(file->metadata().empty());
  for (const NamedTensor& tensor : tensors) {
    const auto view = file->Get(tensor.name);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->dtype, tensor.dtype);
    EXPECT_EQ(view->shape, tensor.shape);
    EXPECT_EQ(view->data, tensor.data);
    if (!view->data.empty()) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(view->data.data()) % DTypeSize(view->dtype), 0u);
    }
  }
}

TEST(SafetensorsWriter, OrderOfTensorsDoesNotMatter) {
  const TemporaryFolder folder;
  std::vector<NamedTensor> reversed = Three();
  std::swap(reversed[0], reversed[2]);
  ASSERT_TRUE(WriteSafetensors(folder.Path("1"), Three(), {{"x", "1"}, {"y", "2"}}).ok());
  ASSERT_TRUE(WriteSafetensors(folder.Path("2"), reversed, {{"y", "2"}, {"x", "1"}}).ok());
  EXPECT_EQ(*ReadFile(folder.Path("1")), *ReadFile(folder.Path("2")));
}

TEST(SafetensorsWriter, RefusesWhatTheFormatDoesNotAllowAndKeepsTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("out", "old");
  const auto write = [&](std::vector<NamedTensor> tensors,
                         const std::map<std::string, std::string>& metadata = {}) {
    return WriteSafetensors(path, std::move(tensors), metadata);
  };
  EXPECT_TRUE(SaysInvalid(write({{"t", DType::kF32, {2}, kA}}), {"'t'", "3 bytes", "expected 8"}));
  EXPECT_TRUE(SaysInvalid(write({{"t", DType::kF32, {-2}, kA}}), {"'t'", "-2"}));
  EXPECT_TRUE(SaysInvalid(write({{"t", DType::kU8, {3}, kA}, {"t", DType::kF32, {2}, kB}}),
                          {"'t'", "twice"}));
  EXPECT_TRUE(
      SaysInvalid(write({{"__metadata__", DType::kU8, {3}, kA}}), {"__metadata__", "reserved"}));
  EXPECT_TRUE(SaysInvalid(write({{"\xFF", DType::kU8, {3}, kA}}), {"UTF-8"}));
  EXPECT_TRUE(SaysInvalid(write({}, {{"k", "\xFF"}}), {"UTF-8"}));
  EXPECT_EQ(*ReadFile(path), "old");
  EXPECT_TRUE(Says(WriteSafetensors(folder.Path("no/out"), Three(), {}),
                   absl::StatusCode::kNotFound, {"no/out"}));
}

}  // namespace
}  // namespace sluice::tensors

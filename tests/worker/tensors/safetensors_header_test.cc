#include "worker/tensors/safetensors_header.h"

#include "tests/common/says.h"

namespace sluice::tensors {
namespace {

TEST(SafetensorsHeader, ReadsTensorsAndMetadata) {
  const auto header = ParseHeader(
      R"({"__metadata__":{"step":"12"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},)"
      R"("z":{"dtype":"F64","shape":[3,0],"data_offsets":[10,10]}}   )",
      10);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->metadata.at("step"), "12");
  ASSERT_EQ(header->tensors.size(), 3u);
  EXPECT_EQ(header->tensors.at("b").shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(header->tensors.at("b").end, 8u);
  EXPECT_TRUE(header->tensors.at("a").shape.empty());
  EXPECT_EQ(header->tensors.at("a").dtype, DType::kBF16);
  EXPECT_TRUE(ParseHeader("{}", 0).ok());
}

struct Hostile {
  const char* what;
  std::string json;
  uint64_t data_bytes;
  std::vector<std::string> says;
};

// One tensor "t" with these members.
std::string One(const std::string& members) { return R"({"t":{)" + members + "}}"; }
std::string Two(const std::string& first, const std::string& second) {
  const std::string u8 = R"({"dtype":"U8","shape":[4],"data_offsets":)";
  return R"({"s":)" + u8 + first + R"(},"t":)" + u8 + second + "}}";
}

const std::vector<Hostile>& HostileHeaders() {
  static const auto& table = *new std::vector<Hostile>{
      {"empty", "", 0, {"'{'"}},
      {"leading space", " {}", 0, {"'{'"}},
      {"array", "[]", 0, {"'{'"}},
      {"cut off", R"({"t":)", 0, {"not a JSON object"}},
      {"trailing text", "{} x", 0, {"not a JSON object"}},
      {"not UTF-8", "{\"\xFF\":{}}", 0, {"not a JSON object"}},
      {"deep", "{\"t\":" + std::string(100000, '[') + std::string(100000, ']') + "}", 0, {"deep"}},
      {"duplicate tensor",
       R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
       R"("t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
       0,
       {"\"t\" occurs twice"}},
      {"duplicate member",
       One(R"("dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4])"),
       4,
       {"\"dtype\" occurs twice"}},
      {"duplicate metadata", R"({"__metadata__":{"k":"1","k":"2"}})", 0, {"\"k\" occurs twice"}},
      {"metadata not an object", R"({"__metadata__":"x"})", 0, {"__metadata__"}},
      {"metadata not text", R"({"__metadata__":{"k":1}})", 0, {"\"k\" is 1", "string"}},
      {"tensor not an object", R"({"t":1})", 0, {"tensor \"t\"", "not a JSON object"}},
      {"member missing", One(R"("dtype":"U8","shape":[0])"), 0, {"tensor \"t\"", "data_offsets"}},
      {"member unknown",
       One(R"("dtype":"U8","shape":[0],"data_offsets":[0,0],"x":0)"),
       0,
       {"tensor \"t\"", "no other"}},
      {"dtype unknown",
       One(R"("dtype":"U9","shape":[0],"data_offsets":[0,0])"),
       0,
       {"dtype is \"U9\"", "BF16"}},
      {"dtype no text", One(R"("dtype":3,"shape":[0],"data_offsets":[0,0])"), 0, {"dtype is 3"}},
      {"shape no array", One(R"("dtype":"U8","shape":4,"data_offsets":[0,4])"), 4, {"shape"}},
      {"shape negative",
       One(R"("dtype":"U8","shape":[-1],"data_offsets":[0,4])"),
       4,
       {"shape has -1"}},
      {"shape fraction",
       One(R"("dtype":"U8","shape":[4.0],"data_offsets":[0,4])"),
       4,
       {"shape has 4.0"}},
      {"shape nested", One(R"("dtype":"U8","shape":[[4]],"data_offsets":[0,4])"), 4, {"deep"}},
      {"shape over 64 bits",
       One(R"("dtype":"U8","shape":[36893488147419103232],"data_offsets":[0,4])"),
       4,
       {"shape"}},
      {"product wraps to 0",
       One(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
       0,
       {"shape has 4294967296", "bytes in all"}},
      {"size wraps by the element",
       One(R"("dtype":"F64","shape":[2305843009213693952],)"
           R"("data_offsets":[0,0])"),
       0,
       {"bytes in all"}},
      {"offsets no array",
       One(R"("dtype":"U8","shape":[4],"data_offsets":4)"),
       4,
       {"data_offsets is 4"}},
      {"three offsets",
       One(R"("dtype":"U8","shape":[4],"data_offsets":[0,4,8])"),
       4,
       {"data_offsets is [0,4,8]"}},
      {"offset negative",
       One(R"("dtype":"U8","shape":[4],"data_offsets":[-4,0])"),
       4,
       {"data_offsets is [-4,0]"}},
      {"offsets reversed",
       One(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])"),
       4,
       {"data_offsets is [4,0]", "BEGIN <= END <= 4"}},
      {"past the end",
       One(R"("dtype":"U8","shape":[8],"data_offsets":[0,8])"),
       4,
       {"data_offsets is [0,8]", "<= 4"}},
      {"range too short",
       One(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       4,
       {"spans 4 bytes", "expected 8"}},
      {"overlap", Two("[0,4]", "[2,6]"), 6, {"tensor \"t\"", "begins at byte 2", "expected 4"}},
      {"same range", Two("[0,4]", "[0,4]"), 4, {"begins at byte 0", "expected 4"}},
      {"hole between", Two("[0,4]", "[6,10]"), 10, {"begins at byte 6", "expected 4"}},
      {"hole before", Two("[1,5]", "[5,9]"), 9, {"begins at byte 1", "expected 0"}},
      {"hole behind", Two("[0,4]", "[4,8]"), 9, {"take 8 bytes", "all 9"}},
      {"data without tensors", "{}", 1, {"take 0 bytes", "all 1"}},
  };
  return table;
}

TEST(SafetensorsHeader, RefusesHostileHeaders) {
  for (const Hostile& hostile : HostileHeaders()) {
    const auto header = ParseHeader(hostile.json, hostile.data_bytes);
    EXPECT_TRUE(SaysInvalid(header.status(), {"safetensors header"})) << hostile.what;
    for (const std::string& part : hostile.says) {
      EXPECT_TRUE(SaysInvalid(header.status(), {part})) << hostile.what;
    }
    EXPECT_LT(header.status().message().size(), 400u) << hostile.what;
  }
}

// Every cut of a good header, and every byte of it changed, is refused or read, never worse.
TEST(SafetensorsHeader, SurvivesDamageAnywhere) {
  const std::string good = Two("[0,4]", "[4,8]");
  ASSERT_TRUE(ParseHeader(good, 8).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseHeader(good.substr(0, size), 8).ok()) << size;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char byte : {'\0', '"', '9', '-', '}', '\xFF'}) {
      std::string damaged = good;
      damaged[i] = byte;
      const auto header = ParseHeader(damaged, 8);
      if (!header.ok()) continue;
      for (const auto& [name, entry] : header->tensors) EXPECT_LE(entry.end, 8u);
    }
  }
}

TEST(SafetensorsHeader, ByteSizeRefusesNegativeAndHuge) {
  EXPECT_EQ(*ByteSize(DType::kF32, {2, 3}), 24u);
  EXPECT_EQ(*ByteSize(DType::kF64, {}), 8u);
  EXPECT_EQ(*ByteSize(DType::kF64, {5, 0}), 0u);
  EXPECT_TRUE(SaysInvalid(ByteSize(DType::kU8, {-3}).status(), {"-3"}));
  EXPECT_FALSE(ByteSize(DType::kU8, {int64_t{1} << 32, int64_t{1} << 32}).ok());
}

}  // namespace
}  // namespace sluice::tensors

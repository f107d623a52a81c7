#include "worker/tensors/dtype.h"

#include <gtest/gtest.h>

namespace sluice::tensors {
namespace {

TEST(DType, NamesGoBothWaysAndSizesAreRight) {
  const std::pair<const char*, size_t> known[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                                                  {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
                                                  {"U8", 1},  {"U64", 8}, {"BOOL", 1}};
  for (const auto& [name, size] : known) {
    const auto dtype = ParseDType(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(DTypeName(*dtype), name);
    EXPECT_EQ(DTypeSize(*dtype), size) << name;
  }
}

TEST(DType, UnknownNamesAreNothing) {
  for (const char* name : {"", "f32", "F8_E4M3", "F32 ", "U32"}) {
    EXPECT_FALSE(ParseDType(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace sluice::tensors

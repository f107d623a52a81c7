#include "worker/dist/compression.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::dist {
namespace {

TEST(CompressionTest, NamesAndNoOthers) {
  EXPECT_EQ(*ParseCompression("none"), Compression::kNone);
  EXPECT_EQ(*ParseCompression("bf16"), Compression::kBf16);
  EXPECT_TRUE(SaysInvalid(ParseCompression("fp16").status(),
                          {"collective.compression", "fp16", "none", "bf16"}));
}

}  // namespace
}  // namespace sluice::dist

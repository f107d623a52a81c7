#include "common/printable.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Printable, ControlCharactersAreWrittenOut) {
  EXPECT_EQ(Printable("a\nb\tc\r"), "a\\nb\\tc\\x0d");
  EXPECT_EQ(Printable(absl::string_view("\0\x1b[2J\x7f", 6)), "\\x00\\x1b[2J\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");
}

TEST(Printable, TheRestStaysAsItIs) {
  const std::string text = "θ of run 'a', 50 % \\ \xc2\xa0\xc2";
  EXPECT_EQ(Printable(text), text);
  EXPECT_EQ(Printable(""), "");
}

}  // namespace
}  // namespace sluice

#include "sidecar/wire/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {
namespace {

TEST(CheckNumber, OnlyFiniteNumbersInsideTheRange) {
  using Limits = std::numeric_limits<double>;
  for (const double good : {0.0, -0.0, 0.5, 1.0}) EXPECT_TRUE(CheckNumber("f", good, 0, 1).ok());
  for (const double bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(),
                           -Limits::denorm_min(), 1.0 + Limits::epsilon()}) {
    EXPECT_EQ(ReasonOf(CheckNumber("f", bad, 0, 1)), RefusalReason::kOutOfRange) << bad;
  }
  // A range that infinity bounds does not let it in.
  EXPECT_FALSE(CheckNumber("f", Limits::infinity(), 0, Limits::infinity()).ok());
  EXPECT_TRUE(CheckNumber("f", kMaxNumber, 0, kMaxNumber).ok());
  EXPECT_EQ(CheckNumber("loss", 2, 0, 1).message(), "loss is 2, expected a number in [0, 1]");
}

TEST(CheckInteger, BothEndsBelongToTheRange) {
  EXPECT_TRUE(CheckInteger("f", 1, 1, 3).ok());
  EXPECT_TRUE(CheckInteger("f", 3, 1, 3).ok());
  EXPECT_EQ(CheckInteger("seq", 0, 1, 3).message(), "seq is 0, expected an integer in [1, 3]");
  EXPECT_FALSE(CheckInteger("f", 4, 1, 3).ok());
}

TEST(CheckLength, CountsBytes) {
  EXPECT_TRUE(CheckLength("f", "abc", 3).ok());
  EXPECT_EQ(ReasonOf(CheckLength("f", "abcd", 3)), RefusalReason::kLimit);
}

TEST(CheckName, NamesAreSafeAsLabelsAndFiles) {
  EXPECT_TRUE(CheckName("f", "Run-1.a_b").ok());
  EXPECT_TRUE(CheckName("f", std::string(128, 'a')).ok());
  for (const std::string& bad :
       {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a/b"),
        std::string("a\n"), std::string("a\0", 2), std::string("\xc3\xbc")}) {
    EXPECT_EQ(ReasonOf(CheckName("f", bad)), RefusalReason::kMalformed) << bad;
  }
  EXPECT_THAT(std::string(CheckName("f", "a\n").message()), ::testing::HasSubstr("'a\\n'"));
}

}  // namespace
}  // namespace sluice::sidecar

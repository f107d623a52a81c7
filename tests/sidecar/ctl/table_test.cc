#include "sidecar/ctl/table.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(CtlTable, NumbersStandRightWordsLeft) {
  EXPECT_EQ(Table({{"NAME", true}, {"STEP"}, {"WHY", true}},
                  {{"a", "12345", "because"}, {"longer", "7", ""}}),
            "NAME     STEP  WHY\n"
            "a       12345  because\n"
            "longer      7\n");
}

TEST(CtlTable, AColumnMayBeWiderThanItsCells) {
  EXPECT_EQ(Table({{"A", false, 4}, {"B"}}, {{"1", "2"}}), "   A  B\n   1  2\n");
}

TEST(CtlTable, ARowThatIsTooWideLosesNothing) {
  EXPECT_EQ(Row({{"A"}, {"B"}}, {"12345", "6"}, {1, 1}), "12345  6\n");
}

TEST(CtlTable, KeysAreAligned) {
  EXPECT_EQ(KeyValues({{"run", "a"}, {"images/s", "1.0"}}), "run       a\nimages/s  1.0\n");
}

TEST(CtlTable, TextOfOthersStaysOnItsLine) {
  EXPECT_EQ(OneLine("a\nb\x1b[2Jc\td\xc3\xa4"), "a b [2Jc d\xc3\xa4");
}

}  // namespace
}  // namespace sluice::ctl

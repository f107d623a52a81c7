#include "sidecar/policy/dormancy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

GroupActivity Counts(uint64_t steps, const std::vector<GroupCount>& groups) {
  return {101, 100 + steps, groups};
}

TEST(DecideDormancy, ScalesAreThoseComputedByHand) {
  const DormancyDecision decision = DecideDormancy(
      Counts(200,
             {{"all", 200}, {"edge", 10}, {"9", 9}, {"4", 4}, {"2", 2}, {"1", 1}, {"none", 0}}),
      {});
  // below / f: 0.05 / (9 / 200) and so on; 0.05 / (1 / 200) is 10, above the limit.
  const std::vector<GroupScale> expected = {
      {"9", 0.05 / 0.045}, {"4", 2.5}, {"2", 5.0}, {"1", 5.0}};
  ASSERT_EQ(decision.scales.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(decision.scales[i].group, expected[i].group);
    EXPECT_NEAR(decision.scales[i].scale, expected[i].scale, 1e-12) << expected[i].group;
  }
  EXPECT_THAT(decision.reason, HasSubstr("4 of 7 groups changed in less than 5 % of steps 101 to "
                                         "300: 9 in 9 (scale 1.11), 4 in 4 (scale 2.50)"));
}

TEST(DecideDormancy, AGroupThatNeverChangedIsLeftAlone) {
  const DormancyDecision decision = DecideDormancy(Counts(100, {{"none", 0}, {"all", 100}}), {});
  EXPECT_THAT(decision.scales, IsEmpty());
  EXPECT_THAT(decision.reason, HasSubstr("0 of 2 groups"));
}

TEST(DecideDormancy, TheLimitAndTheShareAreOptions) {
  const GroupActivity counts = Counts(100, {{"30", 30}, {"4", 4}});
  DormancyOptions options;
  options.below = 0.6;
  options.scale_limit = 3.0;
  EXPECT_EQ(DecideDormancy(counts, options).scales,
            (std::vector<GroupScale>{{"30", 2.0}, {"4", 3.0}}));
  options.scale_limit = 1.0;
  EXPECT_THAT(DecideDormancy(counts, options).scales, IsEmpty());
}

TEST(DecideDormancy, AReasonNamesTheFirstFew) {
  std::vector<GroupCount> groups;
  for (int i = 0; i < 7; ++i) groups.push_back({"g" + std::to_string(i), 1});
  const std::string reason = DecideDormancy(Counts(100, groups), {}).reason;
  EXPECT_THAT(reason, HasSubstr("7 of 7 groups"));
  EXPECT_THAT(reason, HasSubstr("g4 in 1 (scale 5.00), and others"));
  EXPECT_THAT(reason, Not(HasSubstr("g5")));
}

}  // namespace
}  // namespace sluice::sidecar

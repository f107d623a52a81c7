#include "worker/gate/scorer.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::gate {
namespace {

TEST(ScorerTest, NamesAndScorersGoBothWays) {
  ASSERT_EQ(ScorerNames().size(), 6u);
  for (const std::string& name : ScorerNames()) {
    const absl::StatusOr<Scorer> scorer = ParseScorer(name);
    ASSERT_TRUE(scorer.ok()) << name;
    EXPECT_EQ(ScorerName(*scorer), name);
  }
  EXPECT_TRUE(SaysInvalid(ParseScorer("entropy").status(), {"gate.scorer", "'entropy'",
                                                            "head, information, margin, attention, "
                                                            "class_attention, random"}));
}

TEST(ScorerTest, OnlyWhatPredictsReadsTheHead) {
  for (const Scorer scorer : {Scorer::kHead, Scorer::kInformation, Scorer::kMargin})
    EXPECT_TRUE(NeedsHead(scorer));
  for (const Scorer scorer : {Scorer::kAttention, Scorer::kClassAttention, Scorer::kRandom})
    EXPECT_FALSE(NeedsHead(scorer));
}

}  // namespace
}  // namespace sluice::gate

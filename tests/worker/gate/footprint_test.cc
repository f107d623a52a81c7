#include "worker/gate/footprint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "tests/common/says.h"

namespace sluice::gate {
namespace {

constexpr int64_t kDepth = 3;
constexpr int64_t kHeads = 2;
const std::vector<double> kEntropies = {0.9, 0.1, 0.5, 0.6, 0.2, 0.3};

FootprintSettings ShareOf(double rate) {
  FootprintSettings settings;
  settings.rate = rate;
  return settings;
}

Footprint Attention(double rate, const std::vector<double>& entropies = kEntropies) {
  return DecideFootprint(ShareOf(rate), kDepth, kHeads, entropies, {});
}

int64_t CountHeads(const Footprint& footprint) {
  int64_t count = 0;
  for (const auto& heads : footprint.heads)
    count += std::accumulate(heads.begin(), heads.end(), int64_t{0});
  return count;
}

TEST(FootprintTest, TheHeadsOfHighestEntropyMayChangeAndAnMlpFollowsItsHeads) {
  const Footprint footprint = Attention(0.5);
  EXPECT_EQ(footprint.heads, (std::vector<std::vector<uint8_t>>{{1, 0}, {1, 1}, {0, 0}}));
  // Means 0.5, 0.55 and 0.25: half of three is rounded to two.
  EXPECT_EQ(footprint.mlp, (std::vector<uint8_t>{1, 1, 0}));
  EXPECT_TRUE(footprint.rest);
}

TEST(FootprintTest, ARateOfOneOpensAllAndOfZeroNone) {
  EXPECT_EQ(CountHeads(Attention(1.0)), 6);
  EXPECT_EQ(Attention(1.0).mlp, (std::vector<uint8_t>{1, 1, 1}));
  EXPECT_EQ(CountHeads(Attention(0.0)), 0);
  EXPECT_EQ(Attention(0.0).mlp, (std::vector<uint8_t>{0, 0, 0}));
}

TEST(FootprintTest, TiesGoToTheLowerIndexAndNanIsTheLeast) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Footprint footprint = Attention(0.5, {nan, 0.4, 0.4, 0.4, 0.4, nan});
  EXPECT_EQ(footprint.heads, (std::vector<std::vector<uint8_t>>{{0, 1}, {1, 1}, {0, 0}}));
}

TEST(FootprintTest, RandomDrawsNeedNoEntropiesAndDependOnSeedAndStep) {
  FootprintSettings settings = ShareOf(0.5);
  settings.scorer = FootprintScorer::kRandom;
  std::set<std::vector<std::vector<uint8_t>>> seen;
  for (uint64_t step = 1; step <= 40; ++step) {
    const Footprint footprint = DecideFootprint(settings, kDepth, kHeads, {}, {3, step, 0});
    EXPECT_EQ(CountHeads(footprint), 3);
    EXPECT_EQ(footprint.heads, DecideFootprint(settings, kDepth, kHeads, {}, {3, step, 0}).heads);
    seen.insert(footprint.heads);
  }
  EXPECT_GT(seen.size(), 10u);  // Of the 20 that there are.
}

TEST(FootprintTest, EveryGroupFollowsItsOwnPart) {
  Footprint footprint = Attention(0.5);
  EXPECT_TRUE(MayChange(footprint, "blocks.0.attn.head.0"));
  EXPECT_FALSE(MayChange(footprint, "blocks.0.attn.head.1"));
  EXPECT_TRUE(MayChange(footprint, "blocks.1.mlp"));
  EXPECT_FALSE(MayChange(footprint, "blocks.2.mlp"));
  EXPECT_TRUE(MayChange(footprint, "blocks.1.attn.adapter"));
  EXPECT_FALSE(MayChange(footprint, "blocks.2.attn.adapter"));
  EXPECT_FALSE(MayChange(footprint, "blocks.2.mlp.adapter"));
  EXPECT_TRUE(MayChange(footprint, "blocks.0"));
  EXPECT_FALSE(MayChange(footprint, "blocks.2"));
  for (const char* other : {"patch_embed", "cls_token", "pos_embed", "norm", "head"}) {
    footprint.rest = footprint.classifier = true;
    EXPECT_TRUE(MayChange(footprint, other));
    footprint.rest = footprint.classifier = false;
    EXPECT_FALSE(MayChange(footprint, other));
  }
  footprint.rest = false;
  footprint.classifier = true;
  EXPECT_TRUE(MayChange(footprint, "head"));
  EXPECT_FALSE(MayChange(footprint, "norm"));
  EXPECT_TRUE(MayChange(footprint, "gate.1"));  // A probe, not a part of the model.
}

TEST(FootprintTest, OfAFrozenBackboneTheClassifierAloneMayChange) {
  const Footprint footprint = FrozenBackbone(kDepth, kHeads);
  ASSERT_EQ(footprint.heads.size(), static_cast<size_t>(kDepth));
  for (const auto& heads : footprint.heads) EXPECT_EQ(heads, (std::vector<uint8_t>{0, 0}));
  EXPECT_EQ(footprint.mlp, (std::vector<uint8_t>{0, 0, 0}));
  for (int64_t block = 0; block < kDepth; ++block) EXPECT_FALSE(footprint.BlockIsOpen(block));
  for (const char* rests :
       {"patch_embed", "cls_token", "pos_embed", "norm", "blocks.0", "blocks.2", "blocks.1.mlp",
        "blocks.1.attn.head.1", "blocks.2.attn.adapter", "blocks.0.mlp.adapter"})
    EXPECT_FALSE(MayChange(footprint, rests)) << rests;
  for (const char* changes : {"head", "gate.1", "gate.2"})
    EXPECT_TRUE(MayChange(footprint, changes)) << changes;
}

TEST(FootprintTest, ItIsDueAtTheFirstStepAndThenEveryFew) {
  FootprintSettings settings = ShareOf(0.5);
  settings.every = 4;
  std::vector<int64_t> due;
  for (int64_t step = 1; step <= 10; ++step) {
    if (FootprintIsDue(settings, step)) due.push_back(step);
  }
  EXPECT_EQ(due, (std::vector<int64_t>{1, 5, 9}));
  EXPECT_FALSE(FootprintIsDue(ShareOf(1.0), 1));
  settings.rate = 1.0;
  settings.rest = false;
  EXPECT_TRUE(FootprintIsDue(settings, 1));
}

TEST(FootprintTest, NamesOfScorers) {
  EXPECT_EQ(*ParseFootprintScorer("random"), FootprintScorer::kRandom);
  EXPECT_EQ(*ParseFootprintScorer("attention"), FootprintScorer::kAttention);
  EXPECT_TRUE(Says(ParseFootprintScorer("any").status(), absl::StatusCode::kInvalidArgument,
                   {"footprint.scorer", "any", "attention, random"}));
}

}  // namespace
}  // namespace sluice::gate

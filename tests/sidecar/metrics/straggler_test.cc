#include "sidecar/metrics/straggler.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

RankView RankOf(bool connected, std::optional<double> own_seconds) {
  RankView rank;
  rank.connected = connected;
  if (own_seconds.has_value()) {
    rank.timing.emplace();
    rank.timing->own_seconds = *own_seconds;
  }
  return rank;
}

TEST(StragglerSeconds, TheSlowestRankIsComparedToTheMedianOne) {
  EXPECT_EQ(StragglerSeconds({}), std::nullopt);
  EXPECT_EQ(StragglerSeconds({RankOf(true, 0.5)}), 0.0);
  EXPECT_EQ(StragglerSeconds({RankOf(true, 0.75), RankOf(true, 0.5)}), 0.25);
  EXPECT_EQ(StragglerSeconds({RankOf(true, 0.25), RankOf(true, 2.0), RankOf(true, 0.5)}), 1.5);
  EXPECT_EQ(StragglerSeconds(
                {RankOf(true, 1.0), RankOf(true, 2.0), RankOf(true, 0.5), RankOf(true, 0.25)}),
            1.5);
}

TEST(StragglerSeconds, RanksThatAreGoneOrSayNothingDoNotCount) {
  EXPECT_EQ(StragglerSeconds({RankOf(true, 0.5), RankOf(false, 9.0), RankOf(true, std::nullopt)}),
            0.0);
  EXPECT_EQ(StragglerSeconds({RankOf(false, 1.0), RankOf(true, std::nullopt)}), std::nullopt);
}

}  // namespace
}  // namespace sluice::sidecar

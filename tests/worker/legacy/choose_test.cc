#include "worker/legacy/choose.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

namespace sluice::legacy {
namespace {

using Positions = std::vector<int64_t>;

Positions From0To(int64_t end) {
  Positions all;
  for (int64_t i = 0; i < end; ++i) all.push_back(i);
  return all;
}

TEST(ReservoirTest, ItHoldsAsManyDistinctPositionsAsAskedRising) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Positions held = ChooseReservoir(30, 7, seed);
    ASSERT_EQ(held.size(), 7u);
    EXPECT_TRUE(std::is_sorted(held.begin(), held.end()));
    EXPECT_EQ(std::set<int64_t>(held.begin(), held.end()).size(), 7u);
    EXPECT_GE(held.front(), 0);
    EXPECT_LT(held.back(), 30);
    EXPECT_EQ(held, ChooseReservoir(30, 7, seed));
  }
}

TEST(ReservoirTest, AllAreHeldIfThereAreNoMore) {
  EXPECT_EQ(ChooseReservoir(4, 4, 1), From0To(4));
  EXPECT_EQ(ChooseReservoir(4, 9, 1), From0To(4));
  EXPECT_EQ(ChooseReservoir(4, 0, 1), Positions());
}

// Each position is held with chance 1/4. Over 4000 seeds the counts' squared distances, by the
// variance of one, are a chi-square of 19 degrees but for the factor 19/20: its quantile of one in
// ten thousand is 50.8.
TEST(ReservoirTest, EveryPositionIsHeldEquallyOften) {
  constexpr int64_t kSize = 20, kCount = 5, kSeeds = 4000;
  std::vector<double> held(kSize, 0.0);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const int64_t position : ChooseReservoir(kSize, kCount, seed)) ++held[position];
  }
  constexpr double kShare = static_cast<double>(kCount) / kSize;
  double distance = 0.0;
  for (const double count : held) {
    const double gap = count - kSeeds * kShare;
    distance += gap * gap / (kSeeds * kShare * (1.0 - kShare));
  }
  EXPECT_LT(distance * (kSize - 1) / kSize, 50.8);
  EXPECT_GT(distance, 3.0) << "draws that are no draws";
}

// Rows of the lengths and directions (in degrees) given, in two dimensions.
std::vector<float> Rows(const std::vector<std::pair<double, double>>& length_and_angle) {
  std::vector<float> rows;
  for (const auto& [length, angle] : length_and_angle) {
    rows.push_back(static_cast<float>(length * std::cos(angle * std::numbers::pi / 180.0)));
    rows.push_back(static_cast<float>(length * std::sin(angle * std::numbers::pi / 180.0)));
  }
  return rows;
}

// By hand: the unit rows' mean is (0.202, 0.588), at 71.0 degrees. Nearest to it is 80 degrees. The
// next one brings the sum of both nearest to twice the mean: by the products with (0.230, 0.191) 60
// degrees (0.280) comes before 0 (0.230). The third, by the products with (-0.068, -0.088), is 150
// (0.015) and not 0 (-0.068), which lies nearer to the mean by itself.
TEST(HerdingTest, TheMeanOfWhatIsTakenComesNearestToTheClassesMean) {
  const std::vector<float> rows = Rows({{1.0, 0.0}, {10.0, 80.0}, {1.0, 60.0}, {4.0, 150.0}});
  const std::vector<int64_t> labels(4, 3);
  EXPECT_EQ(ChooseHerding(rows, labels, 1), (Positions{1}));
  EXPECT_EQ(ChooseHerding(rows, labels, 2), (Positions{1, 2}));
  EXPECT_EQ(ChooseHerding(rows, labels, 3), (Positions{1, 2, 3}));
  EXPECT_EQ(ChooseHerding(rows, labels, 4), From0To(4));
}

// Class 5 has the rows above at 0, 3, 4 and 7, class 1 the only row 2, class 2 three rows.
TEST(HerdingTest, ClassesHaveEqualSharesAndWhatASmallOneLeavesGoesToTheOthers) {
  const std::vector<float> rows = Rows({{1.0, 0.0},
                                        {1.0, 10.0},
                                        {2.0, 200.0},
                                        {10.0, 80.0},
                                        {1.0, 60.0},
                                        {3.0, 30.0},
                                        {1.0, 21.0},
                                        {4.0, 150.0}});
  const std::vector<int64_t> labels = {5, 2, 1, 5, 5, 2, 2, 5};
  // One each: of class 2 the one at 21 degrees, nearest to the mean of 10, 30 and 21.
  EXPECT_EQ(ChooseHerding(rows, labels, 3), (Positions{2, 3, 6}));
  // Class 1 has no second. To 21 degrees 10 is the better partner: 20 lies between them.
  EXPECT_EQ(ChooseHerding(rows, labels, 5), (Positions{1, 2, 3, 4, 6}));
  EXPECT_EQ(ChooseHerding(rows, labels, 7), (Positions{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(ChooseHerding(rows, labels, 8), From0To(8));
  EXPECT_EQ(ChooseHerding(rows, labels, 80), From0To(8));
  EXPECT_EQ(ChooseHerding(rows, labels, 0), Positions());
}

TEST(HerdingTest, EqualRowsAndRowsOfZeroLengthGoByTheirPosition) {
  const std::vector<float> rows(10, 0.0f);
  EXPECT_EQ(ChooseHerding(rows, std::vector<int64_t>(5, 0), 3), (Positions{0, 1, 2}));
  const std::vector<float> ones(10, 1.0f);
  EXPECT_EQ(ChooseHerding(ones, std::vector<int64_t>{0, 1, 0, 1, 0}, 4), (Positions{0, 1, 2, 3}));
}

}  // namespace
}  // namespace sluice::legacy

#include "worker/study/dot_chart.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>
#include <utility>

#include "tests/worker/study/planted.h"
#include "tests/worker/study/xml_reader.h"

namespace sluice::study {
namespace {

StudyRow MakeDot(const std::string& arm, const std::string& domain, Figure dense,
                 Figure gated = {}) {
  StudyRow row;
  row.arm = arm;
  row.domain = domain;
  row.to_dense = dense;
  row.gated_to_dense = gated;
  row.accuracy_dense = {50.0, 1.0, 2};
  return row;
}

// Centres of filled dots, or of rings.
std::vector<std::pair<double, double>> Centres(const std::string& svg, bool filled) {
  std::vector<std::pair<double, double>> centres;
  std::istringstream lines(svg);
  for (std::string line; std::getline(lines, line);) {
    double x = 0, y = 0;
    if (std::sscanf(line.c_str(), "<circle cx=\"%lf\" cy=\"%lf\"", &x, &y) != 2) continue;
    if ((line.find("fill=\"white\"") == std::string::npos) == filled) centres.emplace_back(x, y);
  }
  return centres;
}

// From where to where the level line at height `y` goes; {0, 0} if there is none.
std::pair<double, double> BarAt(const std::string& svg, double y) {
  std::istringstream lines(svg);
  for (std::string line; std::getline(lines, line);) {
    double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
    if (std::sscanf(line.c_str(), "<line x1=\"%lf\" x2=\"%lf\" y1=\"%lf\" y2=\"%lf\"", &x1, &x2,
                    &y1, &y2) == 4 &&
        y1 == y2 && y1 == y) {
      return {x1, x2};
    }
  }
  return {0, 0};
}

TEST(DotChart, IsWellFormedWhateverTheNames) {
  const std::string svg = DotChart({MakeDot("a<b & \"c\"", "d>e's", {1.0, 0.5, 2})}, "x < y & z");
  EXPECT_EQ(Problem(svg), "");
  EXPECT_NE(svg.find("a&lt;b &amp; &quot;c&quot;"), std::string::npos);
}

TEST(DotChart, IsWellFormedAndFiniteWithoutValues) {
  using Rows = std::vector<StudyRow>;
  for (const Rows& rows :
       {Rows{}, Rows{MakeDot("dense", "invert", {})}, Rows{MakeDot("head", "invert", {})},
        Rows{MakeDot("head", "invert", {0.0, 0.0, 1}, {0.0, 0.0, 1})}}) {
    const std::string svg = DotChart(rows, "title");
    EXPECT_EQ(Problem(svg), "");
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

TEST(DotChart, ADotForEachArmInEachDomainWithItsError) {
  const std::string svg =
      DotChart({MakeDot("dense", "invert", {}), MakeDot("random/sample", "invert", {2, 0.5, 3}),
                MakeDot("head/sample", "invert", {4, 1.0, 3}, {5, 1.0, 3}),
                MakeDot("dense", "mean", {}), MakeDot("head/sample", "mean", {4, 1.0, 3})},
               "title");
  EXPECT_EQ(Problem(svg), "");
  EXPECT_EQ(Count(svg, ">head/sample</text>"), 1) << "one name for all panels";
  EXPECT_EQ(Count(svg, ">invert: dense 50.0 %</text>"), 1);
  EXPECT_EQ(Count(svg, ">all domains: dense 50.0 %</text>"), 1);
  EXPECT_EQ(Count(svg, "stroke-dasharray"), 1) << "random ran in one of the two";
  const auto dots = Centres(svg, true), rings = Centres(svg, false);
  ASSERT_EQ(dots.size(), 5u);
  ASSERT_EQ(rings.size(), 1u);
  // Of the first panel: dense, random and head.
  EXPECT_LT(dots[0].first, dots[1].first);
  EXPECT_NEAR(dots[2].first - dots[0].first, 2 * (dots[1].first - dots[0].first), 0.2);
  EXPECT_GT(rings[0].first, dots[2].first);
  EXPECT_EQ(rings[0].second, dots[2].second);
  EXPECT_LT(dots[0].second, dots[1].second) << "rows go down";
  // An error of one point reaches as far as a point of difference.
  const double point = (dots[1].first - dots[0].first) / 2;
  const auto [left, right] = BarAt(svg, dots[2].second);
  EXPECT_NEAR(left, dots[2].first - point, 0.2);
  EXPECT_NEAR(right, dots[2].first + point, 0.2);
}

TEST(DotChart, EverythingLiesInsideThePicture) {
  std::vector<StudyRow> rows;
  for (const char* domain : {"invert", "noise", "mean"}) {
    rows.push_back(MakeDot("dense", domain, {}));
    rows.push_back(MakeDot("random/sample", domain, {-55.3, 4.2, 3}, {37.9, 2.0, 3}));
  }
  const std::string svg = DotChart(rows, "title");
  double width = 0, height = 0;
  ASSERT_EQ(std::sscanf(svg.substr(svg.find("viewBox=")).c_str(), "viewBox=\"0 0 %lf %lf\"", &width,
                        &height),
            2);
  for (const bool filled : {true, false}) {
    for (const auto& [x, y] : Centres(svg, filled)) {
      EXPECT_GT(x, 0.0);
      EXPECT_LT(x, width);
      EXPECT_GT(y, 0.0);
      EXPECT_LT(y, height);
    }
  }
}

}  // namespace
}  // namespace sluice::study

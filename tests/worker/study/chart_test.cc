#include "worker/study/chart.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/worker/study/xml_reader.h"

namespace sluice::study {
namespace {

ComparedRun MakeRun(const std::string& name, int64_t seed, std::vector<train::CurvePoint> curve) {
  ComparedRun run;
  run.name = name;
  run.seed = seed;
  run.report.curve = std::move(curve);
  return run;
}

// Points of all polylines, as (x, y).
std::vector<std::pair<double, double>> Points(const std::string& svg) {
  std::vector<std::pair<double, double>> points;
  for (size_t at = svg.find(" points=\""); at != std::string::npos;
       at = svg.find(" points=\"", at + 1)) {
    const size_t begin = at + 9;
    std::istringstream list(svg.substr(begin, svg.find('"', begin) - begin));
    double x = 0, y = 0;
    for (char comma = 0; list >> x >> comma >> y;) points.emplace_back(x, y);
  }
  return points;
}

TEST(XmlReader, SeesWhatIsWrong) {
  EXPECT_EQ(Problem("<a b=\"1\"><c/>x &amp; y</a>\n"), "");
  for (const char* bad : {"", "<a>", "<a></b>", "<a>&</a>", "<a>x < y</a>", "<a b=1/>",
                          "<a b=\"<\"/>", "<a/><b/>", "<a/>x"}) {
    EXPECT_NE(Problem(bad), "") << bad;
  }
}

TEST(Chart, IsWellFormedWhateverTheNames) {
  const std::vector<ComparedRun> runs = {
      MakeRun("a < b & \"c\" > 'd'", 0, {{1, 1.0, 0.5, 0.4}, {2, 2.0, 0.6, 0.5}})};
  const std::string svg = AccuracyChart(runs, "gate <open> & \"closed\"");
  EXPECT_EQ(Problem(svg), "");
  EXPECT_NE(svg.find("gate &lt;open&gt; &amp; "), std::string::npos) << "the text stays";
}

TEST(Chart, IsWellFormedAndFiniteForOddRuns) {
  using Runs = std::vector<ComparedRun>;
  for (const Runs& runs :
       {Runs{}, Runs{MakeRun("empty", 0, {})}, Runs{MakeRun("zero", 0, {{0, 0.0, 0.0, 0.0}})},
        Runs{MakeRun("one", 0, {{0, 0.0, 1.0, 1.0}})},
        Runs{MakeRun("unmeasured", 0, {{5, 3.0, std::nullopt, std::nullopt}})}}) {
    const std::string svg = AccuracyChart(runs, "title");
    EXPECT_EQ(Problem(svg), "");
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

TEST(Chart, ShowsTheFirstSeedOfEachArm) {
  const std::vector<train::CurvePoint> curve = {{1, 1.0, 0.5, 0.4}, {2, 2.0, 0.6, 0.5}};
  const std::string svg = AccuracyChart({MakeRun("dense", 4, curve), MakeRun("gated", 4, curve),
                                         MakeRun("dense", 5, curve), MakeRun("gated", 5, curve)},
                                        "title");
  EXPECT_EQ(Count(svg, ">dense</text>"), 1);
  EXPECT_EQ(Count(svg, ">gated</text>"), 1);
  EXPECT_EQ(Count(svg, "stroke-dasharray"), 2);
  EXPECT_EQ(Points(svg).size(), 8u);
}

TEST(Chart, MoreSecondsAreFurtherRightAndMoreAccuracyHigher) {
  const std::string svg = AccuracyChart(
      {MakeRun("dense", 0, {{1, 10.0, 0.5, std::nullopt}, {2, 20.0, 0.7, std::nullopt}}),
       MakeRun("late", 0, {{1, 40.0, 0.6, std::nullopt}})},
      "title");
  const auto points = Points(svg);
  ASSERT_EQ(points.size(), 3u);
  EXPECT_LT(points[0].first, points[1].first);
  EXPECT_LT(points[1].first, points[2].first);
  EXPECT_GT(points[0].second, points[2].second) << "y grows downwards";
  EXPECT_GT(points[2].second, points[1].second);
  // 10, 20 and 40 seconds lie on one line through the origin of the axis.
  EXPECT_NEAR(points[2].first - points[1].first, 2 * (points[1].first - points[0].first), 0.2);
  for (const auto& [x, y] : points) {
    EXPECT_GE(x, 0.0);
    EXPECT_LE(x, 760.0);
    EXPECT_GE(y, 0.0);
    EXPECT_LE(y, 440.0);
  }
}

}  // namespace
}  // namespace sluice::study

#include "worker/study/continual_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/study/xml_reader.h"

namespace sluice::study {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StrategyRow Row(const std::string& name, double seconds, double retention) {
  StrategyRow row;
  row.name = name;
  row.seeds = 1;
  row.seconds.mean = seconds;
  row.seconds_over_sft.mean = seconds / 10.0;
  row.retention.mean = retention;
  row.diagonal.mean = 0.4;
  row.matrix = {{0.8, 0.1}, {0.8 * retention, 0.6}};
  return row;
}

TEST(ContinualChart, ThreePanelsAreXmlWhateverTheNames) {
  const std::string chart = ContinualChart(
      {"none", "<invert>"}, {Row("<a> & \"b\"", 10, 0.25), Row("c", 6, 0.75)}, "a < b & 'c'");
  EXPECT_EQ(XmlReader(chart).Problem(), "") << chart;
  for (const char* text : {"&lt;a&gt;", "seconds over sft", "mean diagonal", "accuracy on none",
                           "&lt;invert&gt;", ">2 c<"})
    EXPECT_THAT(chart, HasSubstr(text));
  // A point in each of the first two panels and in the legend, a curve and the front.
  size_t circles = 0, lines = 0;
  for (size_t at = 0; (at = chart.find("<circle", at)) != std::string::npos; ++at) ++circles;
  for (size_t at = 0; (at = chart.find("<polyline", at)) != std::string::npos; ++at) ++lines;
  EXPECT_EQ(circles, 6u);
  EXPECT_EQ(lines, 3u);
  EXPECT_EQ(chart.find("nan"), std::string::npos);
}

TEST(ContinualChart, EqualRowsHaveAPlaceToo) {
  const std::string chart = ContinualChart({"none", "b"}, {Row("a", 0, 0), Row("b", 0, 0)}, "t");
  EXPECT_EQ(XmlReader(chart).Problem(), "");
  EXPECT_EQ(chart.find("nan"), std::string::npos);
  EXPECT_EQ(chart.find("inf"), std::string::npos);
}

TEST(ContinualChart, TheFrontIsWhatNoOtherBeatsInBoth) {
  const std::vector<StrategyRow> rows = {Row("dear", 10, 0.5),  Row("cheap", 2, 0.3),
                                         Row("beaten", 6, 0.2), Row("best", 12, 0.9),
                                         Row("equal", 2, 0.1),  Row("beaten too", 13, 0.9)};
  EXPECT_THAT(ParetoFront(rows), ElementsAre(1, 0, 3));
  EXPECT_TRUE(ParetoFront({}).empty());
}

}  // namespace
}  // namespace sluice::study

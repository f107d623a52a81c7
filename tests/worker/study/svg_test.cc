#include "worker/study/svg.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/worker/study/xml_reader.h"

namespace sluice::study {
namespace {

TEST(Svg, ADocumentIsWhiteOfItsSizeAndHoldsItsContent) {
  const std::string svg = SvgDocument(760, 440.4, "<g/>\n");
  EXPECT_EQ(Problem(svg), "");
  EXPECT_EQ(svg.find("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 440\" "), 0u);
  EXPECT_EQ(Count(svg, "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"), 1);
  EXPECT_LT(svg.find("<rect"), svg.find("<g/>")) << "what comes later lies above";
  EXPECT_EQ(Problem(SvgDocument(1, 1, "")), "");
}

TEST(Svg, ALabelStandsWhereItIsToldToATenthOfAUnit) {
  EXPECT_EQ(SvgLabel(12.34, -0.56, "dense", "end"),
            "<text x=\"12.3\" y=\"-0.6\" text-anchor=\"end\">dense</text>\n");
}

TEST(Svg, ALabelIsEscapedOnce) {
  const std::string label = SvgLabel(0, 0, "a<b> & \"c\" 'd' &lt;", "start");
  EXPECT_NE(label.find(">a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; &amp;lt;</text>"),
            std::string::npos)
      << label;
  EXPECT_EQ(Problem(SvgDocument(10, 10, label)), "");
  EXPECT_EQ(SvgLabel(0, 0, "± 1 %s", "start"),
            "<text x=\"0.0\" y=\"0.0\" text-anchor=\"start\">± 1 %s</text>\n");
}

TEST(Svg, ALineGoesFromTheFirstPointToTheSecond) {
  const std::string line = SvgLine(1, 2, 30.06, 4.94, "stroke=\"#ccc\" stroke-dasharray=\"4\"");
  EXPECT_EQ(line,
            "<line x1=\"1.0\" x2=\"30.1\" y1=\"2.0\" y2=\"4.9\" stroke=\"#ccc\" "
            "stroke-dasharray=\"4\"/>\n");
  EXPECT_EQ(Problem(SvgDocument(40, 10, line)), "");
}

TEST(Svg, ColoursDifferAndAreColours) {
  std::set<std::string> seen;
  for (const std::string colour : kColours) {
    EXPECT_EQ(colour.size(), 7u) << colour;
    EXPECT_EQ(colour.find_first_not_of("0123456789ABCDEF", 1), std::string::npos) << colour;
    EXPECT_EQ(colour[0], '#') << colour;
    EXPECT_NE(colour, "#FFFFFF") << "invisible on white";
    EXPECT_TRUE(seen.insert(colour).second) << colour << " twice";
  }
}

}  // namespace
}  // namespace sluice::study

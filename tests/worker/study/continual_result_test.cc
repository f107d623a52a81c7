#include "worker/study/continual_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::study {
namespace {

using testing::HasSubstr;

StrategyRun MadeUp(const std::string& name, int64_t seed, double kept, double seconds) {
  return {name, seed, {{{0.8, 0.1}, {kept, 0.6}}}, seconds, 2e12};
}

std::vector<StrategyRun> TwoStrategies() {
  return {MadeUp("sft", 0, 0.2, 10), MadeUp("gate", 0, 0.4, 6), MadeUp("sft", 1, 0.4, 20),
          MadeUp("gate", 1, 0.6, 10)};
}

TEST(ContinualResult, RowsAreMeansAndDeviationsOverSeeds) {
  const std::vector<StrategyRow> rows = MakeStrategyRows(TwoStrategies());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "sft");
  EXPECT_EQ(rows[1].seeds, 2);
  EXPECT_NEAR(rows[0].retention.mean, 0.375, 1e-12);  // 0.25 and 0.5.
  EXPECT_NEAR(rows[0].retention.deviation, 0.25 / std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(rows[1].average_accuracy.mean, 0.55, 1e-12);
  // By seed: 6 / 10 and 10 / 20, not 16 / 30.
  EXPECT_NEAR(rows[1].seconds_over_sft.mean, 0.55, 1e-12);
  EXPECT_NEAR(rows[1].matrix[1][0], 0.5, 1e-12);
  EXPECT_EQ(SpreadOf({3.0}).deviation, 0.0);
}

TEST(ContinualResult, RunsAreReadAsTheyWereWritten) {
  const std::vector<StrategyRun> runs = TwoStrategies();
  const auto read = StrategyRunsFromJson(StrategyRunsToJson(runs));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, runs);
  for (const char* bad : {"", "{}", "[{}]", R"([{"name":"a","seed":0,"matrix":3}])"})
    EXPECT_FALSE(StrategyRunsFromJson(bad).ok()) << bad;
}

TEST(ContinualResult, TheReportHasEveryKeyOfTheDesign) {
  const std::vector<StrategyRow> rows = MakeStrategyRows(TwoStrategies());
  const auto report = nlohmann::json::parse(ContinualToJson({"none", "invert"}, rows));
  EXPECT_EQ(report.at("domains").size(), 2u);
  const nlohmann::json& gate = report.at("strategies").at(1);
  for (const char* key : {"retention", "average_accuracy", "forgetting", "backward_transfer",
                          "diagonal", "seconds", "flops"}) {
    EXPECT_TRUE(gate.at(key).contains("mean") && gate.at(key).contains("deviation")) << key;
  }
  EXPECT_EQ(gate.at("matrix").size(), 2u);
  EXPECT_THAT(ContinualToMarkdown(rows),
              HasSubstr("| gate | 62.5 ± 17.7 | 70.0 ± 0.0 | 55.0 ± 7.1 |"));
}

}  // namespace
}  // namespace sluice::study

#include "worker/study/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sluice::study {
namespace {

using nlohmann::json;

ComparedRun MakeRun(const std::string& name, int64_t seed, std::optional<double> dense,
                    std::optional<double> gated) {
  ComparedRun run;
  run.name = name;
  run.seed = seed;
  run.report.accuracy_dense = dense;
  run.report.accuracy_gated = gated;
  run.report.activation_rate = name == "dense" ? 1.0 : 0.25;
  run.report.images = 1000 + seed;
  run.report.seconds = 10.0 + static_cast<double>(seed);
  run.report.steps = 100 * (seed + 1);
  run.report.directives_applied = 4;
  run.report.directive_version = 5;
  return run;
}

// Two seeds of two arms, and a third seed of which the baseline is missing.
std::vector<ComparedRun> Runs() {
  return {MakeRun("dense", 0, 0.50, 0.40), MakeRun("gated", 0, 0.60, 0.62),
          MakeRun("dense", 1, 0.54, 0.44), MakeRun("gated", 1, 0.58, 0.64),
          MakeRun("gated", 2, 0.99, 0.99)};
}

// Cells of the row of `name`, without the bars.
std::vector<std::string> Row(const std::string& table, const std::string& name) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| " + name + " |", 0) != 0) continue;
    std::vector<std::string> cells;
    std::istringstream rest(line.substr(1));
    for (std::string cell; std::getline(rest, cell, '|');) {
      const size_t begin = cell.find_first_not_of(' ');
      cells.push_back(begin == std::string::npos
                          ? ""
                          : cell.substr(begin, cell.find_last_not_of(' ') - begin + 1));
    }
    return cells;
  }
  return {};
}

// 1, 2, 6: mean 3, squared deviations 4 + 1 + 9 = 14, variance 7, error sqrt(7 / 3).
TEST(Summary, MeanAndStandardError) {
  const MeanError m = Summarise({1.0, 2.0, 6.0});
  EXPECT_DOUBLE_EQ(m.mean, 3.0);
  EXPECT_DOUBLE_EQ(m.error, std::sqrt(7.0 / 3.0));
  EXPECT_DOUBLE_EQ(Summarise({2.0, 4.0}).error, 1.0);
}

TEST(Summary, FewerThanTwoValuesHaveNoError) {
  EXPECT_EQ(Summarise({}).mean, 0.0);
  EXPECT_EQ(Summarise({}).error, 0.0);
  EXPECT_EQ(Summarise({7.5}).mean, 7.5);
  EXPECT_EQ(Summarise({7.5}).error, 0.0);
}

TEST(Summary, DifferencesArePairedBySeed) {
  const std::vector<double> dense = PairedDifferences(Runs(), "gated", "dense", false);
  ASSERT_EQ(dense.size(), 2u) << "seed 2 has no baseline";
  EXPECT_NEAR(dense[0], 10.0, 1e-9);
  EXPECT_NEAR(dense[1], 4.0, 1e-9);
  // Against the baseline's dense accuracy.
  const std::vector<double> gated = PairedDifferences(Runs(), "gated", "dense", true);
  ASSERT_EQ(gated.size(), 2u);
  EXPECT_NEAR(gated[0], 12.0, 1e-9);
  EXPECT_NEAR(gated[1], 10.0, 1e-9);
}

TEST(Summary, WhatWasNotMeasuredHasNoDifference) {
  const std::vector<ComparedRun> runs = {MakeRun("dense", 0, 0.5, std::nullopt),
                                         MakeRun("gated", 0, 0.6, std::nullopt)};
  EXPECT_TRUE(PairedDifferences(runs, "gated", "dense", true).empty());
  EXPECT_TRUE(PairedDifferences(runs, "nobody", "dense", false).empty());
  EXPECT_TRUE(PairedDifferences({}, "gated", "dense", false).empty());
}

// Dense: accuracies 50 and 54, so 52 ± 2; gated eval 40 and 44. Gated over dense: 10 and 4, so 7 ±
// 3; gated evaluation over it: 12 and 10, so 11 ± 1.
TEST(Summary, TheTableHasOneRowPerArmWithMeansAndErrors) {
  const std::vector<ComparedRun> all = Runs();
  const std::string table = ComparisonTable({all.begin(), all.end() - 1}, "dense");
  EXPECT_EQ(Row(table, "dense"),
            (std::vector<std::string>{"dense", "52.0 ± 2.0", "42.0 ± 2.0", "", "", "1000",
                                      "10.5 ± 0.5", "150", "1.000", "4"}));
  const std::vector<std::string> gated = Row(table, "gated");
  ASSERT_EQ(gated.size(), 10u) << table;
  EXPECT_EQ(gated[1], "59.0 ± 1.0");
  EXPECT_EQ(gated[2], "63.0 ± 1.0");
  EXPECT_EQ(gated[3], "+7.0 ± 3.0");
  EXPECT_EQ(gated[4], "+11.0 ± 1.0");
  EXPECT_EQ(gated[8], "0.250");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4);
}

TEST(Summary, TheTableKeepsTheOrderOfTheArms) {
  const std::string table = ComparisonTable(
      {MakeRun("z", 0, 0.5, 0.5), MakeRun("a", 0, 0.5, 0.5), MakeRun("z", 1, 0.5, 0.5)}, "z");
  EXPECT_LT(table.find("| z |"), table.find("| a |"));
  EXPECT_EQ(table.find("| z |", table.find("| z |") + 1), std::string::npos);
}

TEST(Summary, EveryLineOfTheTableHasAsManyCells) {
  std::istringstream lines(ComparisonTable(Runs(), "dense"));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 11) << line;
  }
}

// A figure that was not measured is not 0 %, and an arm without a partner is not even with it.
TEST(Summary, TheTableInventsNoFigure) {
  const std::string table = ComparisonTable(
      {MakeRun("dense", 0, 0.5, std::nullopt), MakeRun("gated", 1, 0.6, std::nullopt),
       MakeRun("gated", 2, std::nullopt, 0.8)},
      "dense");
  EXPECT_EQ(Row(table, "dense")[2], "-");
  const std::vector<std::string> gated = Row(table, "gated");
  ASSERT_EQ(gated.size(), 10u);
  EXPECT_EQ(gated[1], "60.0") << "the mean of what was measured";
  EXPECT_EQ(gated[2], "80.0");
  EXPECT_EQ(gated[3], "-");
  EXPECT_EQ(gated[4], "-");
}

TEST(Summary, JsonHoldsEveryRun) {
  std::vector<ComparedRun> runs = {MakeRun("dense", 3, 0.5, std::nullopt)};
  runs[0].report.curve = {{10, 1.5, 0.25, std::nullopt}};
  const json j = json::parse(ComparisonToJson(runs, 36.5));
  EXPECT_EQ(j.at("budget_seconds"), 36.5);
  ASSERT_EQ(j.at("runs").size(), 1u);
  const json& run = j.at("runs")[0];
  EXPECT_EQ(run.at("name"), "dense");
  EXPECT_EQ(run.at("seed"), 3);
  EXPECT_EQ(run.at("accuracy_dense"), 0.5);
  EXPECT_TRUE(run.at("accuracy_gated").is_null());
  EXPECT_EQ(run.at("images"), 1003);
  EXPECT_EQ(run.at("seconds"), 13.0);
  EXPECT_EQ(run.at("activation_rate"), 1.0);
  EXPECT_EQ(run.at("steps"), 400);
  EXPECT_EQ(run.at("directive_version"), 5);
  EXPECT_EQ(run.at("directives_applied"), 4);
  EXPECT_EQ(run.at("curve"), (json::array({{{"step", 10},
                                            {"seconds", 1.5},
                                            {"accuracy_dense", 0.25},
                                            {"accuracy_gated", nullptr}}})));
}

}  // namespace
}  // namespace sluice::study

#include "worker/study/study_report.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/study/planted.h"
#include "tests/worker/study/xml_reader.h"

namespace sluice::study {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

StudyPlan SmallPlan(const std::string& output = "") {
  StudyConfig config;
  config.scorers = "random,information,head";
  config.policies = "sample";
  config.schedules = "constant";
  config.half = "random,information";
  config.domains = "invert,noise";
  config.seeds = 2;
  config.output = output;
  return ResolveStudy(config, {"invert", "noise"}).value();
}

StudyResult SmallResult() {
  return {PlantedArms(),
          {{"invert",
            {Planted("dense", 0, 0.50, 0.40), Planted(kRandomArm, 0, 0.60, 0.58),
             Planted(kInformationArm, 0, 0.62, std::nullopt), Planted("dense", 1, 0.54, 0.44),
             Planted(kRandomArm, 1, 0.58, 0.57), Planted(kInformationArm, 1, 0.57, std::nullopt)}},
           {"noise", {Planted("dense", 0, 0.70, 0.60), Planted(kRandomArm, 0, 0.72, 0.70)}}}};
}

std::set<std::string> Keys(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

json RowOf(const json& study, const std::string& arm, const std::string& domain) {
  for (const json& row : study.at("rows")) {
    if (row.at("arm") == arm && row.at("domain") == domain) return row;
  }
  ADD_FAILURE() << arm << " in " << domain;
  return {};
}

TEST(StudyReport, JsonHasTheKeysThatOthersRead) {
  const json study = json::parse(StudyToJson(SmallPlan(), SmallResult()));
  EXPECT_EQ(Keys(study), (std::set<std::string>{"options", "domains", "rows", "verdicts"}));
  const std::set<std::string> figures = {"accuracy_dense",       "accuracy_gated",
                                         "difference_to_dense",  "gated_difference_to_dense",
                                         "difference_to_random", "gated_difference_to_random"};
  std::set<std::string> row_keys = {
      "arm",   "domain", "control",         "seconds", "seconds_over_dense",
      "steps", "lr",     "activation_rate", "pairs",   "standard_error"};
  row_keys.insert(figures.begin(), figures.end());
  for (const json& row : study.at("rows")) {
    EXPECT_EQ(Keys(row), row_keys);
    EXPECT_EQ(Keys(row.at("standard_error")), figures);
    EXPECT_EQ(Keys(row.at("pairs")), figures);
  }
  EXPECT_EQ(study.at("verdicts").size(), 4u);
  EXPECT_EQ(study.at("options").at("seeds"), 2);
  EXPECT_EQ(study.at("options").at("domains"), (json{"invert", "noise"}));
  EXPECT_EQ(study.at("options").at("scorers"), (json{"random", "information", "head"}));
  EXPECT_TRUE(study.at("options").at("tuning_seed").is_null());
}

TEST(StudyReport, JsonHoldsEveryRunAsTheDemoDoes) {
  const json study = json::parse(StudyToJson(SmallPlan(), SmallResult()));
  ASSERT_EQ(study.at("domains").size(), 2u);
  EXPECT_EQ(study["domains"][0].at("name"), "invert");
  ASSERT_EQ(study["domains"][0].at("runs").size(), 6u);
  const json demo = json::parse(ComparisonToJson({Planted("dense", 0, 0.5)}, 1)).at("runs")[0];
  std::set<std::string> keys = Keys(demo);
  keys.insert({"lr", "dense_seconds"});
  EXPECT_EQ(Keys(study["domains"][0]["runs"][0]), keys);
}

TEST(StudyReport, JsonFiguresAreInPointsAndNullWhereUnknown) {
  const json study = json::parse(StudyToJson(SmallPlan(), SmallResult()));
  const json random = RowOf(study, kRandomArm, "invert");
  EXPECT_NEAR(random.at("difference_to_dense"), 7.0, 1e-9);
  EXPECT_NEAR(random.at("standard_error").at("difference_to_dense"), 3.0, 1e-9);
  EXPECT_EQ(random.at("pairs").at("difference_to_dense"), 2);
  EXPECT_TRUE(random.at("difference_to_random").is_null());
  EXPECT_TRUE(random.at("control").is_null());
  EXPECT_NEAR(random.at("accuracy_dense"), 59.0, 1e-9);
  EXPECT_EQ(random.at("seconds"), 10.0);
  EXPECT_EQ(random.at("seconds_over_dense"), 0.5);
  EXPECT_EQ(random.at("lr"), 0.002);
  const json one = RowOf(study, kRandomArm, "noise");
  EXPECT_NEAR(one.at("difference_to_dense"), 2.0, 1e-9);
  EXPECT_TRUE(one.at("standard_error").at("difference_to_dense").is_null()) << "of one pair";
  const json information = RowOf(study, kInformationArm, kAllDomains);
  EXPECT_EQ(information.at("control"), kRandomArm);
  EXPECT_TRUE(information.at("accuracy_gated").is_null());
}

TEST(StudyReport, MarkdownTablesAreArmsByDomainsAndTheMean) {
  const std::string text = StudyToMarkdown(SmallPlan(), SmallResult());
  EXPECT_THAT(text, HasSubstr("| arm | invert | noise | mean |\n| --- | --- | --- | --- |\n"));
  // Over dense: 10 and 4 in invert, 2 in noise; 16/3 ± sqrt(52/9/3) over both.
  EXPECT_THAT(text, HasSubstr("| random/sample/constant | +7.0 ± 3.0 | +2.0 | +5.3 ± 2.4 |\n"));
  EXPECT_THAT(text, HasSubstr("| information/sample/constant | +0.5 ± 1.5 | - | +0.5 ± 1.5 |\n"));
  EXPECT_THAT(text, HasSubstr("| dense | 52.0 ± 2.0 | 70.0 | 58.0 |\n"));
  EXPECT_THAT(text,
              HasSubstr("| random/sample/constant | - | 0.002 | 10.0 | 0.500 | 100 | 0.150 |"));
  const json study = json::parse(StudyToJson(SmallPlan(), SmallResult()));
  for (const std::string verdict : study.at("verdicts")) {
    EXPECT_THAT(text, HasSubstr("- " + verdict + "\n"));
  }
}

TEST(StudyReport, EveryLineOfATableHasAsManyCells) {
  std::istringstream lines(StudyToMarkdown(SmallPlan(), SmallResult()));
  std::ptrdiff_t cells = 0;
  int tables = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| ", 0) != 0) {
      cells = 0;
      continue;
    }
    const std::ptrdiff_t bars = std::count(line.begin(), line.end(), '|');
    if (cells == 0) cells = bars, ++tables;
    EXPECT_EQ(bars, cells) << line;
  }
  EXPECT_EQ(tables, 5) << "the one over random, evaluated gated, would be empty";
}

TEST(StudyReport, SaysHowLearningRatesWereTaken) {
  StudyPlan plan = SmallPlan();
  EXPECT_THAT(StudyToMarkdown(plan, SmallResult()), HasSubstr("learning rate 0.002 for every arm"));
  plan.lrs = {1e-3, 2e-3};
  EXPECT_THAT(StudyToMarkdown(plan, SmallResult()),
              HasSubstr("the best of 0.001, 0.002 on seed 1000, which is not reported"));
  const json study = json::parse(StudyToJson(plan, SmallResult()));
  EXPECT_EQ(study.at("options").at("tuning_seed"), 1000);
}

TEST(StudyReport, WritesThreeFiles) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteStudy(SmallPlan(folder.path()), SmallResult()).ok());
  EXPECT_FALSE(
      json::parse(ReadFile(folder.Path("study.json")).value_or(""), nullptr, false).is_discarded());
  EXPECT_THAT(ReadFile(folder.Path("study.md")).value_or(""), HasSubstr("# Study"));
  EXPECT_EQ(Problem(ReadFile(folder.Path("study.svg")).value_or("")), "");
}

}  // namespace
}  // namespace sluice::study

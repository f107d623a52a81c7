#include "worker/study/study_arms.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "worker/gate/policy.h"
#include "worker/gate/scorer.h"

namespace sluice::study {
namespace {

using ::testing::ElementsAre;

StudyGrid Grid(std::vector<std::string> scorers, std::vector<std::string> policies,
               std::vector<std::string> schedules, std::vector<std::string> half = {}) {
  StudyGrid grid;
  grid.scorers = std::move(scorers);
  grid.policies = std::move(policies);
  grid.schedules = std::move(schedules);
  grid.half = std::move(half);
  return grid;
}

std::vector<std::string> ArmNames(const std::vector<StudyArm>& arms) {
  std::vector<std::string> names;
  for (const StudyArm& arm : arms) names.push_back(arm.arm.name);
  return names;
}

const StudyArm& Find(const std::vector<StudyArm>& arms, const std::string& name) {
  for (const StudyArm& arm : arms) {
    if (arm.arm.name == name) return arm;
  }
  ADD_FAILURE() << name;
  return arms[0];
}

std::map<std::string, std::string> OptionsOf(const Arm& arm) {
  return {arm.options.begin(), arm.options.end()};
}

TEST(DemoArms, AreWhatTheDemoComparesSinceItsFiguresWereMeasured) {
  const std::vector<Arm> arms = MakeArms(0.15);
  ASSERT_EQ(arms.size(), 4u);
  EXPECT_EQ(arms[0].name, "dense");
  EXPECT_EQ(OptionsOf(arms[0]).at("gate.mode"), "dense");
  EXPECT_EQ(arms[1].name, "random");
  EXPECT_EQ(OptionsOf(arms[1]), (std::map<std::string, std::string>{{"gate.mode", "compact"},
                                                                    {"gate.scorer", "random"},
                                                                    {"gate.policy", "threshold"},
                                                                    {"gate.threshold", "0.85"},
                                                                    {"gate.rate", "0.15"},
                                                                    {"gate.floor", "0.13"},
                                                                    {"gate.ceiling", "0.17"}}));
  EXPECT_EQ(arms[2].name, "entropy");
  EXPECT_EQ(OptionsOf(arms[2]), (std::map<std::string, std::string>{{"gate.mode", "compact"},
                                                                    {"gate.scorer", "head"},
                                                                    {"gate.policy", "sample"},
                                                                    {"gate.rate", "0.15"}}));
  EXPECT_EQ(arms[3].name, "information");
}

TEST(StudyArms, AreEveryScorerWithEveryPolicyAndSchedule) {
  EXPECT_THAT(
      ArmNames(
          MakeStudyArms(Grid({"random", "head"}, {"sample", "threshold"}, {"constant", "grow"}))),
      ElementsAre("dense", "random/sample/constant", "random/sample/grow",
                  "random/threshold/constant", "random/threshold/grow", "head/sample/constant",
                  "head/sample/grow", "head/threshold/constant", "head/threshold/grow"));
}

TEST(StudyArms, OneDrawIsNotRunTwice) {
  EXPECT_THAT(ArmNames(MakeStudyArms(
                  Grid({"margin", "random"}, {"budget", "sample", "threshold"}, {"constant"}))),
              ElementsAre("dense", "margin/budget/constant", "margin/sample/constant",
                          "margin/threshold/constant", "random/budget/constant",
                          "random/threshold/constant"));
}

TEST(StudyArms, OfEveryNameThereIsOnlyOne) {
  const std::vector<StudyArm> arms =
      MakeStudyArms(Grid(gate::ScorerNames(), {"sample", "budget", "threshold"}, ScheduleNames(),
                         {"random", "information", "dense"}));
  const std::vector<std::string> names = ArmNames(arms);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  // 5 scorers by content × 3 × 3, random 2 × 3, dense and three halves.
  EXPECT_EQ(names.size(), 45u + 6u + 1u + 3u);
  for (const StudyArm& arm : arms) {
    const auto options = OptionsOf(arm.arm);
    EXPECT_TRUE(gate::ParseScorer(options.at("gate.scorer")).ok());
    EXPECT_TRUE(gate::ParsePolicy(options.at("gate.policy")).ok());
    if (!arm.scorer.empty()) {
      EXPECT_EQ(options.at("gate.scorer"), arm.scorer);
      EXPECT_EQ(options.at("gate.policy"), arm.policy);
      EXPECT_EQ(options.at("gate.mode"), "compact");
    }
    EXPECT_EQ(options.count("gate.floor"), arm.policy == "threshold" ? 1u : 0u);
  }
}

TEST(StudyArms, SchedulesMoveTheGatesInAPartOfTheSteps) {
  StudyGrid grid = Grid({"head"}, {"sample"}, {"constant", "grow", "anneal"});
  grid.anneal = 0.1;
  grid.grow = 0.3;
  const std::vector<StudyArm> arms = MakeStudyArms(grid);
  const auto parts = [&](const std::string& name) {
    const Arm& arm = Find(arms, name).arm;
    return std::pair(arm.anneal, arm.grow);
  };
  EXPECT_EQ(parts("head/sample/constant"), std::pair(0.0, 0.0));
  EXPECT_EQ(parts("head/sample/grow"), std::pair(0.0, 0.3));
  EXPECT_EQ(parts("head/sample/anneal"), std::pair(0.1, 0.0));
}

TEST(StudyArms, HalvesAreTheFirstArmOfTheirScorerWithHalfOfTheSeconds) {
  const std::vector<StudyArm> arms = MakeStudyArms(
      Grid({"random", "head"}, {"threshold", "sample"}, {"grow", "constant"}, {"head", "dense"}));
  const StudyArm& half = Find(arms, "head/threshold/grow@0.5");
  EXPECT_EQ(half.arm.share, 0.5);
  EXPECT_EQ(half.arm.like, "head/threshold/grow");
  EXPECT_EQ(half.arm.options, Find(arms, "head/threshold/grow").arm.options);
  EXPECT_EQ(half.arm.grow, Find(arms, "head/threshold/grow").arm.grow);
  EXPECT_FALSE(half.whole());
  const StudyArm& dense = Find(arms, "dense@0.5");
  EXPECT_EQ(dense.arm.share, 0.5);
  EXPECT_EQ(dense.arm.like, "dense");
  EXPECT_FALSE(dense.by_content());
}

// What an arm by content is compared with is the random arm that differs in nothing but the scores.
TEST(StudyArms, ControlsDifferInTheScorerOnly) {
  const std::vector<StudyArm> arms =
      MakeStudyArms(Grid({"random", "head"}, {"sample", "budget", "threshold"},
                         {"constant", "grow"}, {"random", "head"}));
  const auto control = [&](const std::string& name) { return Find(arms, name).control; };
  EXPECT_EQ(control("head/sample/grow"), "random/sample/grow");
  EXPECT_EQ(control("head/budget/constant"), "random/sample/constant") << "the same draw";
  EXPECT_EQ(control("head/threshold/grow"), "random/threshold/grow");
  EXPECT_EQ(control("head/sample/constant@0.5"), "random/sample/constant@0.5");
  EXPECT_EQ(control("dense"), "");
  EXPECT_EQ(control("random/sample/grow"), "");
  const std::vector<StudyArm> alone = MakeStudyArms(Grid({"head"}, {"sample"}, {"constant"}));
  EXPECT_EQ(Find(alone, "head/sample/constant").control, "");
}

}  // namespace
}  // namespace sluice::study

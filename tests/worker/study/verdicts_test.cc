#include "worker/study/verdicts.h"

#include <gmock/gmock.h>

#include "tests/worker/study/planted.h"

namespace sluice::study {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What two seeds in two domains have: a base, and what the arms have over dense.
struct Plant {
  double random = 0.10;
  double information = 0.10;
  double head = 0.10;
  double random_half = 0.0;
  double information_half = 0.0;
  double noise = 0.01;             // Of the gated arms: plus on even seeds, minus on odd ones.
  double gated_information = 0.0;  // Of information evaluated gated, over what random then has.
};

std::vector<DomainRuns> Domains(const Plant& plant) {
  std::vector<DomainRuns> domains;
  for (const auto& [name, base] : {std::pair{"invert", 0.5}, {"noise", 0.7}}) {
    DomainRuns& domain = domains.emplace_back(DomainRuns{name, {}});
    for (int64_t seed = 0; seed < 2; ++seed) {
      const double dense = base + 0.02 * static_cast<double>(seed);
      const double sway = seed % 2 == 0 ? plant.noise : -plant.noise;
      domain.runs.push_back(Planted("dense", seed, dense, 0.3));
      domain.runs.push_back(Planted(kRandomArm, seed, dense + plant.random, 0.5));
      domain.runs.push_back(Planted(kInformationArm, seed, dense + plant.information + sway,
                                    0.5 + plant.gated_information + sway));
      domain.runs.push_back(Planted(kHeadArm, seed, dense + plant.head - sway, 0.5 - sway));
      domain.runs.push_back(Planted(kRandomHalf, seed, dense + plant.random_half + sway));
      domain.runs.push_back(Planted(kInformationHalf, seed, dense + plant.information_half - sway));
    }
  }
  return domains;
}

std::vector<std::string> Said(const Plant& plant) {
  return Verdicts(PlantedArms(), Domains(plant));
}

// 3 ± 0.58: the deviations are +1, -1, +1, -1, variance 4/3, error sqrt(1/3).
TEST(Verdicts, AGateByContentThatIsAboveRandomIsNamedAndBecomesTheDefault) {
  Plant plant;
  plant.information = 0.13;
  const std::vector<std::string> said = Said(plant);
  ASSERT_EQ(said.size(), 4u);
  EXPECT_EQ(said[0],
            "Evaluated densely, 1 of 2 gates by content is above random by more than two standard "
            "errors: information/sample/constant (+3.0 ± 0.6); 0 of 2 lie as far below it (4 "
            "pairs).");
  EXPECT_EQ(said[3],
            "The default should be information/sample/constant: +3.0 ± 0.6 over the best random "
            "gate, random/sample/constant, and +13.0 ± 0.6 over dense.");
}

TEST(Verdicts, ADifferenceWithinTwoErrorsIsNoneAndRandomStaysTheDefault) {
  Plant plant;
  plant.information = 0.111;  // 1.1 ± 0.58.
  plant.head = 0.05;
  const std::vector<std::string> said = Said(plant);
  EXPECT_EQ(said[0],
            "Evaluated densely, none of 2 gates by content is above random by more than two "
            "standard errors: the nearest is information/sample/constant (+1.1 ± 0.6); 1 of 2 lie "
            "as far below it (4 pairs).");
  EXPECT_EQ(said[3],
            "The default should be random/sample/constant: no gate by content is above it by more "
            "than two standard errors, and it is at +10.0 ± 0.0 to dense.");
}

TEST(Verdicts, EvaluatedGatedIsAQuestionOfItsOwn) {
  Plant plant;
  plant.gated_information = 0.02;
  const std::vector<std::string> said = Said(plant);
  EXPECT_THAT(said[0], HasSubstr("none of 2"));
  EXPECT_THAT(said[1], AllOf(HasSubstr("Evaluated gated, 1 of 2"),
                             HasSubstr("information/sample/constant (+2.0 ± 0.6)")));
  EXPECT_THAT(said[3], HasSubstr("should be random/sample/constant"));
}

TEST(Verdicts, HalfOfTheSecondsReachDenseOrDoNot) {
  Plant plant;
  plant.random_half = 0.04;
  plant.information_half = -0.05;
  EXPECT_EQ(Said(plant)[2],
            "Dense's fully decayed accuracy with half of its seconds: reached or passed: "
            "random/sample/constant@0.5 (+4.0 ± 0.6); not reached: "
            "information/sample/constant@0.5 (-5.0 ± 0.6).");
  plant.information_half = -0.005;  // 0.5 ± 0.58.
  EXPECT_THAT(Said(plant)[2],
              AllOf(HasSubstr("within a standard error: information/sample/constant@0.5 (-0.5 ± "
                              "0.6)"),
                    Not(HasSubstr("not reached"))));
}

TEST(Verdicts, DenseItselfAtHalfIsToldApart) {
  std::vector<StudyArm> arms = PlantedArms();
  StudyArm dense = arms[0];
  dense.arm.name = "dense@0.5";
  dense.arm.share = 0.5;
  arms = {arms[0], dense};
  const std::vector<DomainRuns> domains = {
      {"invert", {Planted("dense", 0, 0.5), Planted("dense@0.5", 0, 0.4)}}};
  EXPECT_EQ(Verdicts(arms, domains)[2],
            "No gated arm was run with half of dense's seconds. Dense itself with half of its "
            "seconds: -10.0.");
}

TEST(Verdicts, DenseStaysTheDefaultWhereGatesCost) {
  Plant plant;
  plant.random = -0.05;
  plant.information = -0.05;
  plant.head = -0.06;
  EXPECT_THAT(Said(plant)[3],
              AllOf(HasSubstr("should be dense"), HasSubstr("random/sample/constant, is at -5.0")));
  plant.information = 0.0 - 0.02;  // Above random, and yet below dense.
  EXPECT_THAT(Said(plant)[3], HasSubstr("should be dense"));
}

// Beating one's own control is not enough where another random gate is as good.
TEST(Verdicts, TheDefaultMustBeAboveTheBestRandomGate) {
  StudyGrid grid;
  grid.scorers = {"random", "information"};
  grid.policies = {"sample"};
  grid.schedules = {"constant", "grow"};
  std::vector<DomainRuns> domains = {{"invert", {}}};
  for (int64_t seed = 0; seed < 3; ++seed) {
    const double sway = 0.001 * static_cast<double>(seed);
    domains[0].runs.push_back(Planted("dense", seed, 0.5));
    domains[0].runs.push_back(Planted(kRandomArm, seed, 0.6));
    domains[0].runs.push_back(Planted("random/sample/grow", seed, 0.66));
    domains[0].runs.push_back(Planted(kInformationArm, seed, 0.65 + sway));
    domains[0].runs.push_back(Planted("information/sample/grow", seed, 0.64 + sway));
  }
  const std::vector<std::string> said = Verdicts(MakeStudyArms(grid), domains);
  EXPECT_THAT(said[0], HasSubstr("1 of 2 gates by content is above"));
  EXPECT_THAT(said[3], HasSubstr("should be random/sample/grow"));
}

TEST(Verdicts, OneSeedOfOneDomainTellsNothing) {
  const std::vector<DomainRuns> domains = {
      {"invert",
       {Planted("dense", 0, 0.5), Planted(kRandomArm, 0, 0.6), Planted(kInformationArm, 0, 0.9)}}};
  const std::vector<std::string> said = Verdicts(PlantedArms(), domains);
  EXPECT_THAT(said[0], AllOf(HasSubstr("one pair of runs tells nothing"),
                             HasSubstr("information/sample/constant (+30.0)")));
  EXPECT_THAT(said[3], HasSubstr("should be random/sample/constant"));
}

TEST(Verdicts, WithoutRunsNothingIsSaidButThat) {
  const std::vector<std::string> said = Verdicts(PlantedArms(), {});
  EXPECT_THAT(said[0], HasSubstr("nothing was compared"));
  EXPECT_THAT(said[2], HasSubstr("No gated arm was run with half"));
  EXPECT_THAT(said[3], HasSubstr("nothing is said about the default"));
}

}  // namespace
}  // namespace sluice::study

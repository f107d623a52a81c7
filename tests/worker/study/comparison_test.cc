#include "worker/study/comparison.h"

#include <gmock/gmock.h>

#include <map>

namespace sluice::study {
namespace {

using ::testing::ElementsAre;

std::vector<Arm> ArmsCalled(const std::vector<std::string>& names) {
  std::vector<Arm> arms;
  for (const std::string& name : names) arms.push_back({name, {}});
  return arms;
}

std::vector<std::vector<std::string>> GroupNames(const std::vector<std::string>& names,
                                                 int64_t together) {
  std::vector<std::vector<std::string>> result;
  for (const std::vector<Arm>& group : Groups(ArmsCalled(names), together)) {
    std::vector<std::string>& of = result.emplace_back();
    for (const Arm& arm : group) of.push_back(arm.name);
  }
  return result;
}

TEST(Comparison, ArmsThatFitAreOneGroup) {
  EXPECT_THAT(GroupNames({"dense", "a", "b", "c"}, 4),
              ElementsAre(ElementsAre("dense", "a", "b", "c")));
  EXPECT_THAT(GroupNames({"dense"}, 4), ElementsAre(ElementsAre("dense")));
}

TEST(Comparison, EveryGroupHasDenseAndEveryOtherArmIsInOne) {
  EXPECT_THAT(GroupNames({"dense", "a", "b", "c", "d"}, 4),
              ElementsAre(ElementsAre("dense", "a", "b"), ElementsAre("dense", "c", "d")));
  EXPECT_THAT(
      GroupNames({"dense", "a", "b", "c"}, 2),
      ElementsAre(ElementsAre("dense", "a"), ElementsAre("dense", "b"), ElementsAre("dense", "c")));
  std::vector<std::string> names = {"dense"};
  for (int i = 0; i < 24; ++i) names.push_back("arm" + std::to_string(i));
  std::vector<std::string> seen = {"dense"};
  for (const auto& group : GroupNames(names, 12)) {
    EXPECT_LE(group.size(), 12u);
    EXPECT_GE(group.size(), 9u) << "much the same size";
    EXPECT_EQ(group[0], "dense");
    seen.insert(seen.end(), group.begin() + 1, group.end());
  }
  EXPECT_EQ(seen, names) << "in their order";
}

train::TrainReport Took(double seconds) {
  train::TrainReport report;
  report.seconds = seconds;
  return report;
}

// 10, 11 and 9: mean 10, so a tenth.
TEST(Comparison, SecondsMissByTheLargestDifferenceToTheMean) {
  const std::vector<Arm> arms = ArmsCalled({"dense", "a", "b"});
  EXPECT_NEAR(Miss({Took(10), Took(11), Took(9)}, arms), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ(Miss({Took(10), Took(10), Took(10)}, arms), 0.0);
}

TEST(Comparison, AnArmWithHalfOfTheSecondsIsExpectedToTakeHalf) {
  std::vector<Arm> arms = ArmsCalled({"dense", "half"});
  arms[1].share = 0.5;
  EXPECT_DOUBLE_EQ(Miss({Took(10), Took(5)}, arms), 0.0);
  EXPECT_NEAR(Miss({Took(9), Took(5.5)}, arms), 0.1, 1e-12);
}

TEST(Comparison, NamesOfArmsBecomeNamesOfFiles) {
  EXPECT_EQ(FileName("class_attention/sample/grow@0.5"), "class_attention-sample-grow-0.5");
  EXPECT_EQ(FileName("dense"), "dense");
}

TEST(Comparison, EveryRunHasTheOptionsOfItsModel) {
  ComparisonConfig config;
  ResolveRuns(config);
  const auto options_of = [](const ComparisonConfig& c) {
    const TrainOptions options = CommonOptions(c, "run", "127.0.0.1:1");
    return std::map<std::string, std::string>(options.begin(), options.end());
  };
  const auto nano = options_of(config);
  EXPECT_EQ(nano.at("run.name"), "run");
  EXPECT_EQ(nano.at("sidecar"), "127.0.0.1:1");
  EXPECT_EQ(nano.at("train.batch"), "64");
  EXPECT_EQ(nano.at("data.eval_subset"), "first:2000");
  EXPECT_EQ(nano.count("model.preset"), 0u);
  config.init = "weights.safetensors";
  config.image_size = 56;
  const auto large = options_of(config);
  EXPECT_EQ(large.at("model.preset"), "vit_small_patch14_dinov2");
  EXPECT_EQ(large.at("model.image_size"), "56");
  EXPECT_EQ(large.at("data.resize"), "true");
}

}  // namespace
}  // namespace sluice::study

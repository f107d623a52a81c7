#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

using nlohmann::json;

// The runs of the demo read their environment like any other.
const std::vector<std::string> kSmallModel = {"SLUICE_MODEL_DIM=32", "SLUICE_MODEL_DEPTH=3",
                                              "SLUICE_MODEL_HEADS=2"};

// The demo as a user starts it, but with runs of a second: what it writes, not what it finds.
TEST(Demo, ComparesEveryArmAndWritesReportAndChart) {
  const std::string folder = FreshFolder("out");
  const Outcome outcome = RunWorker("demo",
                                    {{"output", folder},
                                     {"seconds", "1"},
                                     {"images", "256"},
                                     {"eval_images", "128"},
                                     {"pretrain_steps", "30"}},
                                    folder + "/log", kSmallModel);
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const json report = ReadJson(folder + "/report.json");
  std::set<std::string> names;
  for (const json& run : report.at("runs")) {
    names.insert(run.at("name"));
    EXPECT_EQ(run.at("seed"), 0);
    EXPECT_GE(run.at("accuracy_dense"), 0.0);
    EXPECT_GE(run.at("accuracy_gated"), 0.0);
    EXPECT_GT(run.at("seconds"), 0.0);
    EXPECT_EQ(run.at("images"), run.at("steps").get<int>() * 64);
    EXPECT_TRUE(run.at("directive_version").is_number_unsigned());
    const double rate = run.at("activation_rate");
    if (run.at("name") == "dense") {
      EXPECT_EQ(rate, 1.0);
    } else {
      EXPECT_NEAR(rate, 0.15, 0.03) << run;
    }
  }
  EXPECT_EQ(names, (std::set<std::string>{"dense", "random", "entropy", "information"}));
  EXPECT_NE(ReadFile(folder + "/accuracy.svg").value_or("").find("</svg>"), std::string::npos);
}

TEST(Demo, AnOptionOutOfRangeIsNamed) {
  const std::string folder = FreshFolder("out");
  const Outcome outcome =
      RunWorker("demo", {{"output", folder}, {"rate", "0.99"}}, folder + "/log");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("rate"), std::string::npos) << outcome.log;
  EXPECT_NE(outcome.log.find("0.99"), std::string::npos) << outcome.log;
}

}  // namespace
}  // namespace sluice::e2e

// One model per domain, and the routing of images between them, as a user would do it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

using ::testing::HasSubstr;

std::string Checkpoint(const std::string& folder) {
  return ReadJson(folder + "/report.json").value("checkpoint", "");
}

// A short dense run whose uncertainty heads know later which images are its own.
std::string TrainExpert(const std::string& name, const Options& changes) {
  const std::string folder = FreshFolder(name);
  const Options options = With(With(SmallRun(folder), {{"sidecar", "off"},
                                                       {"gate.mode", "dense"},
                                                       {"gate.layer", "1,2"},
                                                       {"gate.train_head", "on"},
                                                       {"gate.calibrate", "true"},
                                                       {"train.steps", "30"}}),
                               changes);
  const Outcome outcome = RunWorker("train", options, folder + "/log");
  EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
  return Checkpoint(folder);
}

Outcome Evaluate(const std::string& first, const std::string& others, const std::string& folder) {
  return RunWorker("eval",
                   {{"model.init", first},
                    {"experts", others},
                    {"experts_together", "16"},
                    {"eval.domains", "none,invert"},
                    {"data.eval_subset", "first:64"},
                    {"json", folder + "/eval.json"}},
                   folder + "/log");
}

TEST(Experts, EachImageIsAnsweredByTheOneThatFindsItUsual) {
  const std::string base = TrainExpert("base", {});
  const std::string inverted = TrainExpert("invert", {{"model.init", base},
                                                      {"data.domain", "invert"},
                                                      {"adapters.kind", "lora"},
                                                      {"train.lr", "0.01"}});
  const std::string folder = FreshFolder("eval");
  const Outcome outcome = Evaluate(base, inverted, folder);
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const nlohmann::json domains = ReadJson(folder + "/eval.json").at("domains");
  ASSERT_EQ(domains.size(), 2u);
  for (const nlohmann::json& domain : domains) {
    const auto answered = domain.at("answered").get<std::vector<int>>();
    ASSERT_EQ(answered.size(), 2u);
    EXPECT_EQ(answered[0] + answered[1], 64);
    EXPECT_EQ(answered[0] % 16, 0) << "16 images are routed together";
  }
  // Inverted images are unlike anything that the first model has seen.
  EXPECT_GE(domains[0].at("answered")[0].get<int>(), 48);
  EXPECT_GE(domains[1].at("answered")[1].get<int>(), 32);
}

TEST(Experts, ACheckpointThatCannotRouteIsNamed) {
  const std::string base = TrainExpert("base", {});
  const std::string plain =
      TrainExpert("plain", {{"gate.train_head", "auto"}, {"gate.calibrate", "false"}});
  const std::string folder = FreshFolder("eval");
  const Outcome outcome = Evaluate(base, plain, folder);
  EXPECT_EQ(outcome.exit.code, 1);
  EXPECT_THAT(outcome.log, HasSubstr(absl::StrCat("experts is '", plain)));
  EXPECT_THAT(outcome.log, HasSubstr("gate.calibrate"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/eval.json"));
}

}  // namespace
}  // namespace sluice::e2e

// Adapters from training to use: the backbone stays, and what is exported does what was trained.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/worker/e2e/worker_process.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::e2e {
namespace {

std::map<std::string, std::string> Tensors(const std::string& path) {
  const auto file = tensors::SafetensorsFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status();
  std::map<std::string, std::string> result;
  for (const std::string& name : file->names()) result[name] = std::string(file->Get(name)->data);
  return result;
}

class AdaptersTest : public ::testing::TestWithParam<const char*> {
 protected:
  // A short dense run, and adapters trained from its weights on a shifted domain.
  void SetUp() override {
    base_ = FreshFolder("base");
    run_ = FreshFolder("run");
    const Options dense = {{"sidecar", "off"}, {"gate.mode", "dense"}, {"train.steps", "30"}};
    Outcome outcome = RunWorker("train", With(SmallRun(base_), dense), base_ + "/log");
    ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
    outcome = RunWorker("train", With(SmallRun(run_), Changes()), run_ + "/log");
    ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  }
  Options Changes() const {
    return {{"sidecar", "off"},
            {"model.init", base_ + "/model.safetensors"},
            {"data.domain", "invert"},
            {"train.lr", "0.01"},
            {"gate.policy", "budget"},
            {"adapters.kind", GetParam()},
            {"adapters.targets", "qkv,fc1,fc2"}};
  }
  nlohmann::json Evaluate(const Options& options, const std::string& name) {
    const std::string folder = FreshFolder("eval-" + name);
    const Outcome outcome = RunWorker("eval",
                                      With(options, {{"json", folder + "/eval.json"},
                                                     {"eval.mode", "dense"},
                                                     {"data.eval_subset", "first:64"},
                                                     {"data.domain", "invert"}}),
                                      folder + "/log");
    EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
    return ReadJson(folder + "/eval.json").at("dense");
  }
  std::string Export(const std::string& what, const std::string& output) {
    const Outcome outcome = RunWorker("export",
                                      {{"model.init", run_ + "/checkpoint-00000060.safetensors"},
                                       {"what", what},
                                       {"output", output}},
                                      run_ + "/export-" + what);
    EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
    return output;
  }

  std::string base_, run_;
};

TEST_P(AdaptersTest, TheBackboneStaysAndWhatIsExportedDoesTheSame) {
  const auto before = Tensors(base_ + "/model.safetensors");
  const auto after = Tensors(run_ + "/model.safetensors");
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, bytes] : before)
    EXPECT_EQ(after.at(name) == bytes, name.rfind("head.", 0) != 0) << name;

  const nlohmann::json trained =
      Evaluate({{"model.init", run_ + "/checkpoint-00000060.safetensors"}}, "trained");
  const double loss = trained.at("loss");
  const Options shape = {{"model.dim", "32"}, {"model.depth", "3"}, {"model.heads", "2"}};
  const std::string merged = Export("merged", run_ + "/merged.safetensors");
  const nlohmann::json plain = Evaluate(With(shape, {{"model.init", merged}}), "merged");
  EXPECT_NEAR(plain.at("loss").get<double>(), loss, 1e-4 * loss);
  const std::string alone = Export("adapters", run_ + "/alone");
  const Options with_adapters = With(shape, {{"model.init", base_ + "/model.safetensors"},
                                             {"adapters.kind", GetParam()},
                                             {"adapters.targets", "fc1,fc2,qkv"},
                                             {"adapters.init", alone}});
  EXPECT_NEAR(Evaluate(with_adapters, "alone").at("loss").get<double>(), loss, 1e-6 * loss);
  // Without them it is another model: the equalities above say something.
  const nlohmann::json base =
      Evaluate(With(shape, {{"model.init", base_ + "/model.safetensors"}}), "base");
  EXPECT_GT(std::abs(base.at("loss").get<double>() - loss), 0.01 * loss);
}

TEST_P(AdaptersTest, ACheckpointWithAdaptersIsNotTakenForAPlainOne) {
  const std::string folder = FreshFolder("plain");
  const Outcome outcome = RunWorker(
      "train",
      With(SmallRun(folder),
           {{"sidecar", "off"}, {"model.init", run_ + "/checkpoint-00000060.safetensors"}}),
      folder + "/log");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("export --what merged"), std::string::npos) << outcome.log;
  const Outcome none = RunWorker("export",
                                 {{"model.init", base_ + "/checkpoint-00000030.safetensors"},
                                  {"what", "adapters"},
                                  {"output", folder + "/x"}},
                                 folder + "/log2");
  EXPECT_FALSE(none.exit.ok());
  EXPECT_NE(none.log.find("has no adapters"), std::string::npos) << none.log;
}

INSTANTIATE_TEST_SUITE_P(Kinds, AdaptersTest, ::testing::Values("lora", "ia3"));

}  // namespace
}  // namespace sluice::e2e

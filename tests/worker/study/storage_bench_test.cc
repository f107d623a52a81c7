#include "worker/study/storage_bench.h"

#include <gmock/gmock.h>

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/worker/study/copy_of_test.h"
#include "worker/train/report.h"

namespace sluice::study {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// In the copy: the bench of the forms in the file `forms`.
TEST(InsideTheCopyOfStorageBench, Measures) {
  if (FolderOfThisCopy() == nullptr) return;  // Only the copy has something to run.
  const std::string folder = FolderOfThisCopy();
  StorageBenchConfig config;
  config.output = folder + "/out";
  config.data_folder = "the images";
  config.nproc = 3;
  config.seeds = 2;
  config.steps = 70;
  config.pretrain_steps = 90;
  config.images = 640;
  config.eval_images = 320;
  config.forms = absl::StrSplit(ReadFile(folder + "/forms").value(), ',');
  std::ostringstream said;
  std::streambuf* const before = std::cout.rdbuf(said.rdbuf());
  const absl::StatusOr<std::string> result = RunStorageBench(config);
  std::cout.rdbuf(before);
  std::ofstream(folder + "/said") << said.str();
  std::ofstream(folder + "/result") << (result.ok() ? *result : result.status().ToString());
}

// The worker of these tests writes down its arguments and hands out the report that is prepared for
// the run; without one it fails.
class StorageBenchTest : public CopyOfTest {
 protected:
  void SetUp() override {
    Script("sluice-worker", R"(
echo "$*" >>"$here/runs"
for argument in "$@"; do
  case $argument in --run.name=*) name=${argument#*=} ;; --json=*) json=${argument#*=} ;; esac
done
cp "$here/report-$name" "$json"
)");
    train::TrainReport pretrained;
    pretrained.checkpoint = "weights of step 90";
    Prepare("storage-pretrain", pretrained);
  }
  void Prepare(const std::string& run, const train::TrainReport& report) const {
    folder_.Write("report-" + run, train::ReportToJson(report));
  }
  void Prepare(const std::string& run, std::optional<double> accuracy) const {
    train::TrainReport report;
    report.accuracy_dense = accuracy;
    report.accuracy_gated = 0.01;  // Not what is compared.
    report.seconds = 12.25;
    Prepare(run, report);
  }
  // Two seeds in float32 and fp8: differences of -1 and +2 points.
  void PrepareTwoSeeds() const {
    Prepare("storage-fp32-0", 0.80);
    Prepare("storage-fp8-0", 0.79);
    Prepare("storage-fp32-1", 0.82);
    Prepare("storage-fp8-1", 0.84);
  }
  std::string Measure(const std::string& forms) const {
    folder_.Write("forms", forms);
    RunCopy("InsideTheCopyOfStorageBench.*");
    return FileOf("result");
  }
  // Options of each run, in their order.
  std::vector<std::map<std::string, std::string>> Started() const {
    std::vector<std::map<std::string, std::string>> runs;
    for (const auto line : absl::StrSplit(FileOf("runs"), '\n', absl::SkipEmpty())) {
      auto& run = runs.emplace_back();
      for (const auto option : absl::StrSplit(line, " --")) {
        const std::vector<std::string> sides = absl::StrSplit(option, absl::MaxSplits('=', 1));
        EXPECT_TRUE(run.emplace(sides[0], sides.size() > 1 ? sides[1] : "").second)
            << sides[0] << " is given twice";
      }
    }
    return runs;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& run : Started()) names.push_back(run.at("run.name"));
    return names;
  }
};

TEST_F(StorageBenchTest, EverySeedTrainsExactlyAndInEachFormFromTheSameWeights) {
  PrepareTwoSeeds();
  Prepare("storage-bf16-0", 0.8);
  Prepare("storage-bf16-1", 0.8);
  Measure("bf16,fp8");
  ASSERT_THAT(Names(),
              ElementsAre("storage-pretrain", "storage-fp32-0", "storage-bf16-0", "storage-fp8-0",
                          "storage-fp32-1", "storage-bf16-1", "storage-fp8-1"));
  auto runs = Started();
  EXPECT_EQ(runs[0].at("train.steps"), "90");
  EXPECT_EQ(runs[0].at("gate.mode"), "dense");
  EXPECT_EQ(runs[0].count("data.domain"), 0u) << "the new domain is what is learnt later";
  for (size_t i = 1; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].at("model.init"), "weights of step 90");
    EXPECT_EQ(runs[i].at("data.domain"), "invert");
    EXPECT_EQ(runs[i].at("data.folder"), "the images");
    EXPECT_EQ(runs[i].at("nproc"), "3");
    EXPECT_EQ(runs[i].at("train.steps"), "70");
    EXPECT_EQ(runs[i].at("data.eval_subset"), "first:320");
    EXPECT_EQ(runs[i].at("data.train_subset"), i < 4 ? "random:640:0" : "random:640:1");
    EXPECT_EQ(runs[i].at("train.seed"), i < 4 ? "0" : "1");
    EXPECT_EQ(runs[i].at("gate.mode"), "compact") << "what packs is what keeps activations";
  }
}

TEST_F(StorageBenchTest, RunsOfASeedDifferInTheFormOnly) {
  PrepareTwoSeeds();
  Measure("fp8");
  auto runs = Started();
  ASSERT_EQ(runs.size(), 5u);
  EXPECT_EQ(runs[1].at("memory.activations"), "fp32");
  EXPECT_EQ(runs[2].at("memory.activations"), "fp8");
  for (auto& run : runs) {
    for (const char* own : {"memory.activations", "run.name", "run.folder", "json"}) {
      run.erase(own);
    }
  }
  EXPECT_EQ(runs[1], runs[2]);
  EXPECT_EQ(runs[3], runs[4]);
  EXPECT_NE(runs[1], runs[3]) << "each seed has images of its own";
}

// Differences of -1 and 2 points: mean 0.5, deviation 3 / sqrt(2), standard error 1.5.
TEST_F(StorageBenchTest, DifferencesArePairedBySeed) {
  PrepareTwoSeeds();
  const json result = json::parse(Measure("fp8"), nullptr, false);
  ASSERT_TRUE(result.is_object()) << FileOf("result");
  ASSERT_EQ(result["runs"].size(), 4u);
  EXPECT_EQ(
      result["runs"][3],
      (json{{"seed", 1}, {"activations", "fp8"}, {"accuracy_dense", 0.84}, {"seconds", 12.25}}));
  ASSERT_EQ(result["differences"].size(), 1u);
  const json& difference = result["differences"][0];
  EXPECT_EQ(difference["activations"], "fp8");
  EXPECT_EQ(difference["pairs"], 2);
  EXPECT_NEAR(difference["mean"].get<double>(), 0.5, 1e-9);
  EXPECT_NEAR(difference["standard_error"].get<double>(), 1.5, 1e-9);
  EXPECT_EQ(FileOf("said"),
            "seed 0, activations in fp32: 80.00 % in 12.2 s\n"
            "seed 0, activations in fp8: 79.00 % in 12.2 s\n"
            "seed 1, activations in fp32: 82.00 % in 12.2 s\n"
            "seed 1, activations in fp8: 84.00 % in 12.2 s\n"
            "fp8 less fp32: +0.50 ± 1.50 points over 2 seeds\n");
}

TEST_F(StorageBenchTest, ARunWithoutAccuracyIsNamed) {
  PrepareTwoSeeds();
  Prepare("storage-fp8-0", std::nullopt);
  EXPECT_EQ(Measure("fp8"), "INTERNAL: storage-fp8-0 reported no accuracy");
  EXPECT_EQ(Names().back(), "storage-fp8-0") << "nothing is run after it";
}

TEST_F(StorageBenchTest, ARunThatFailsEndsTheBench) {
  PrepareTwoSeeds();
  std::filesystem::remove(folder_.Path("report-storage-fp32-1"));
  EXPECT_THAT(Measure("fp8"),
              AllOf(HasSubstr("ABORTED"), HasSubstr("'" + folder_.Path("out") + "/storage-fp32-1'"),
                    HasSubstr("exited with code 1")));
  EXPECT_EQ(Names().back(), "storage-fp32-1");
}

TEST_F(StorageBenchTest, AnOutputThatIsAFileIsNamedBeforeAnythingRuns) {
  folder_.Write("out", "mine");
  EXPECT_THAT(Measure("fp8"), HasSubstr("'" + folder_.Path("out") + "'"));
  EXPECT_EQ(FileOf("runs"), "");
  EXPECT_EQ(FileOf("out"), "mine");
}

}  // namespace
}  // namespace sluice::study

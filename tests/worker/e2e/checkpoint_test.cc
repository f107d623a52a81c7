// Checkpoints that come to harm while a run goes on: signals in their middle, a full disk, torn
// files. The weights at the end are those of a run that nobody disturbed.
#include <gtest/gtest.h>

#include "tests/worker/e2e/elastic_run.h"

namespace sluice::e2e {
namespace {

constexpr char kSteps[] = "40";

class CheckpointsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    undisturbed_ = new std::string();
    const std::string folder = std::string(::testing::TempDir()) + "/sluice-e2e/undisturbed";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    *undisturbed_ = UndisturbedWeights(ElasticRun(folder, kSteps), folder);
  }
  void SetUp() override {
    folder_ = FreshFolder("run");
    log_ = folder_ + "/log";
    options_ = ElasticRun(folder_, kSteps);
    faults_ = launch::SiblingProgram("libsluice_file_faults.so").value();
    ASSERT_TRUE(std::filesystem::exists(faults_)) << faults_;
  }
  void ExpectUndisturbedWeights() const {
    EXPECT_NE(*undisturbed_, "");
    EXPECT_EQ(ReadFile(folder_ + "/model.safetensors").value_or(""), *undisturbed_);
  }
  // A run whose first checkpoint hangs until Go; returns when it does.
  launch::ChildProcess StartHeld(const Options& options) const {
    launch::ChildProcess run =
        StartWorker("train", options, log_, {"LD_PRELOAD=" + faults_, "SLUICE_HOLD=" + Hold()});
    EXPECT_TRUE(WaitUntil([&] { return std::filesystem::exists(Hold() + ".held"); },
                          std::chrono::minutes(1)));
    return run;
  }
  std::string Hold() const { return folder_ + "/hold"; }
  void Go() const { EXPECT_TRUE(WriteFileAtomically(Hold() + ".go", "").ok()); }
  // Files of writers that did not come to their end.
  bool HasUnfinished() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().string().find(".tmp.") != std::string::npos) return true;
    }
    return false;
  }
  std::string Log() const { return ReadFile(log_).value_or(""); }

  static std::string* undisturbed_;
  std::string folder_, log_, faults_;
  Options options_;
};

std::string* CheckpointsTest::undisturbed_ = nullptr;

TEST_F(CheckpointsTest, SigtermInTheMiddleOfOneFinishesItAndEndsInTime) {
  const std::string grace = "30";
  launch::ChildProcess run = StartHeld(With(options_, {{"grace_seconds", grace}}));
  EXPECT_EQ(NewestStep(folder_), 0);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(run.Kill(SIGTERM).ok());
  Go();
  const auto exit = run.Wait(std::chrono::minutes(1));
  ASSERT_TRUE(exit.ok() && exit->ok()) << Log();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(std::stoi(grace)));
  EXPECT_FALSE(HasUnfinished());
  const int stopped = NewestStep(folder_);
  EXPECT_GE(stopped, 5) << Log();
  EXPECT_EQ(ReadJson(folder_ + "/report.json").value("last_step", -1), stopped);
  EXPECT_EQ(Log().find("evaluation"), std::string::npos) << "there is no time for it: " << Log();
  const Outcome rest = RunWorker("train", With(options_, {{"resume", "true"}}), log_ + "2");
  ASSERT_TRUE(rest.exit.ok()) << rest.log;
  EXPECT_EQ(Resumed(log_ + "2"), std::vector<int>{stopped});
  ExpectUndisturbedWeights();
}

// Steps go on while the disk hangs; a rank that is killed then has lost this checkpoint alone.
TEST_F(CheckpointsTest, KillInTheMiddleOfOneLeavesTheOneBefore) {
  // The first life ends behind its first checkpoint.
  Outcome first = RunWorker("train", With(options_, {{"stop_after", "5"}}), log_ + "1");
  ASSERT_TRUE(first.exit.ok()) << first.log;
  launch::ChildProcess run = StartHeld(With(options_, {{"resume", "true"}, {"max-restarts", "1"}}));
  const pid_t pid = PidOfRank(run.pid(), 0);
  ASSERT_GT(pid, 1);
  EXPECT_TRUE(HasUnfinished());
  EXPECT_EQ(NewestStep(folder_), 5);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const auto exit = run.Wait(std::chrono::minutes(1));
  ASSERT_TRUE(exit.ok() && exit->ok()) << Log();
  EXPECT_EQ(Resumed(log_), (std::vector<int>{5, 5}));
  EXPECT_FALSE(HasUnfinished());
  ExpectUndisturbedWeights();
}

TEST_F(CheckpointsTest, AFullDiskIsSaidAndTheRunGoesOn) {
  const Outcome outcome = RunWorker("train", With(options_, {{"checkpoint.keep", "1000"}}), log_,
                                    {"LD_PRELOAD=" + faults_, "SLUICE_FULL=checkpoint-00000020"});
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const std::string said = "checkpoint-00000020.safetensors.tmp.";
  EXPECT_NE(outcome.log.find(said), std::string::npos) << outcome.log;
  EXPECT_NE(outcome.log.find("No space left on device; the run goes on, the newest checkpoint is "
                             "checkpoint-00000015.safetensors"),
            std::string::npos)
      << outcome.log;
  EXPECT_FALSE(HasUnfinished());
  for (const int step : {5, 10, 15, 25, 30, 35, 40}) {
    char name[64];
    std::snprintf(name, sizeof(name), "/checkpoint-%08d.safetensors", step);
    EXPECT_TRUE(std::filesystem::exists(folder_ + name)) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/checkpoint-00000020.safetensors"));
  ExpectUndisturbedWeights();
}

TEST_F(CheckpointsTest, TheLastOneMustBeSaved) {
  const Outcome outcome = RunWorker("train", options_, log_,
                                    {"LD_PRELOAD=" + faults_, "SLUICE_FULL=checkpoint-00000040"});
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("save checkpoint"), std::string::npos) << outcome.log;
  EXPECT_EQ(NewestStep(folder_), 35);
}

TEST_F(CheckpointsTest, ATornOneIsPassedOverForTheOneBefore) {
  const Outcome first = RunWorker("train", With(options_, {{"stop_after", "20"}}), log_ + "1");
  ASSERT_TRUE(first.exit.ok()) << first.log;
  const std::string newest = folder_ + "/checkpoint-00000020.safetensors";
  std::string bytes = ReadFile(newest).value();
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_TRUE(WriteFileAtomically(newest, bytes).ok());
  const Outcome rest = RunWorker("train", With(options_, {{"resume", "true"}}), log_);
  ASSERT_TRUE(rest.exit.ok()) << rest.log;
  EXPECT_NE(rest.log.find("checkpoint checkpoint-00000020.safetensors is passed over"),
            std::string::npos)
      << rest.log;
  EXPECT_NE(rest.log.find("is damaged: its content has the checksum"), std::string::npos)
      << rest.log;
  EXPECT_EQ(Resumed(log_), std::vector<int>{15});
  EXPECT_EQ(ReadFile(newest + ".corrupt").value_or(""), bytes);
  ExpectUndisturbedWeights();
}

TEST_F(CheckpointsTest, TheBestStaysBesideTheNewest) {
  const Outcome outcome = RunWorker("train",
                                    With(options_, {{"eval.every", "5"},
                                                    {"eval.mode", "dense"},
                                                    {"checkpoint.keep", "1"},
                                                    {"checkpoint.keep_best", "1"}}),
                                    log_);
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  int best = 0;
  double accuracy = -1.0;
  const nlohmann::json report = ReadJson(folder_ + "/report.json");
  for (const nlohmann::json& point : report.at("curve")) {
    // The last checkpoint is saved before its evaluation. Of two that are as good the newer stays.
    if (point.at("step") == std::stoi(kSteps) || point.at("accuracy_dense") < accuracy) continue;
    best = point.at("step");
    accuracy = point.at("accuracy_dense");
  }
  char name[64];
  std::snprintf(name, sizeof(name), "checkpoint-%08d.safetensors", best);
  const std::vector<std::string> expected = {name, "checkpoint-00000040.safetensors"};
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().filename().string().rfind("checkpoint-", 0) == 0)
      found.push_back(entry.path().filename());
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected) << report.at("curve");
}

}  // namespace
}  // namespace sluice::e2e

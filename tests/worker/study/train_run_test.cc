#include "worker/study/train_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "worker/launch/child_process.h"

namespace sluice::study {
namespace {

using nlohmann::json;

// No value is a default, so that one that is forgotten shows.
train::TrainReport Everything() {
  train::TrainReport r;
  r.run = "a \"run\"";
  r.steps = 40;
  r.last_step = 140;
  r.images = 2560;
  r.seconds = 12.5;
  r.median_step_seconds = 0.1;
  r.longest_step_seconds = 0.75;
  r.activation_rate = 1.0 / 3.0;
  r.work = {40, 2000, 560, 31, 69};
  r.publisher_cpu_seconds = 0.015625;
  r.directive_version = std::numeric_limits<uint64_t>::max();
  r.savings = {5, 0.5, 0.625, 0.75};
  r.calibration = {{2, 1.5, 0.25, 0.125}};
  r.gradient_bytes = 4096;
  r.directives_applied = 3;
  r.accuracy_dense = 0.75;
  r.eval_activation_rate = 0.26;
  r.checkpoint = "folder/checkpoint-00000140.safetensors";
  r.losses = {2.5, 1.0 / 3.0, 1e-300};
  r.curve = {{20, 6.25, 0.625, std::nullopt}, {40, 12.5, std::nullopt, 0.1}};
  return r;
}

TEST(TrainRun, AReportReadsBackTheSame) {
  for (const train::TrainReport& report : {Everything(), train::TrainReport{}}) {
    const auto parsed = ParseReport(train::ReportToJson(report));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, report);
  }
}

// One step's loss may be NaN and the run go on; the comparison must not lose its report to that.
TEST(TrainRun, ALossThatIsNoNumberStaysOne) {
  train::TrainReport report = Everything();
  report.losses = {1.0, std::numeric_limits<double>::quiet_NaN(), 2.0};
  const auto parsed = ParseReport(train::ReportToJson(report));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->losses.size(), 3u);
  EXPECT_EQ(parsed->losses[0], 1.0);
  EXPECT_TRUE(std::isnan(parsed->losses[1]));
  EXPECT_EQ(parsed->losses[2], 2.0);
}

TEST(TrainRun, ABadReportNamesTheKey) {
  const json good = json::parse(train::ReportToJson(Everything()));
  for (const auto& [key, value] : good.items()) {
    json missing = good;
    missing.erase(key);
    EXPECT_TRUE(SaysInvalid(ParseReport(missing.dump()).status(), {key}));
    json wrong = good;
    wrong[key] = json::object({{"not", "this"}});
    EXPECT_TRUE(SaysInvalid(ParseReport(wrong.dump()).status(), {key}));
  }
  for (const auto& [key, value] : good["curve"][0].items()) {
    json wrong = good;
    wrong["curve"][0][key] = "text";
    EXPECT_TRUE(SaysInvalid(ParseReport(wrong.dump()).status(), {key}));
  }
  json wrong = good;
  wrong["curve"] = {1};
  EXPECT_TRUE(SaysInvalid(ParseReport(wrong.dump()).status(), {"curve"}));
}

TEST(TrainRun, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"", "[]", "null", "{\"run\": ", "3"}) {
    EXPECT_TRUE(SaysInvalid(ParseReport(text).status(), {"report"})) << text;
  }
}

// RunTrain starts the `sluice-worker` that lies beside the program that calls it. Here that is a
// copy of this test, in a folder with a worker that is a script: the copy runs the one test named
// below and tells by its exit code how it went.
constexpr char kInside[] = "SLUICE_TEST_RUN_FOLDER";

class RunTrainTest : public testing::Test {
 protected:
  // Exit status of InsideTheCopy with `script` as the worker.
  launch::ExitStatus RunWith(const std::string& script) {
    const std::string copy = folder_.Path("copy");
    std::filesystem::copy_file("/proc/self/exe", copy);
    const std::string worker = folder_.Write("sluice-worker", "#!/bin/sh\n" + script);
    std::filesystem::permissions(worker, std::filesystem::perms::owner_all);
    folder_.Write("report.json", train::ReportToJson(Everything()));
    folder_.Write("run/left-over", "from an earlier run");
    launch::ChildOptions child;
    child.program = copy;
    child.arguments = {"--gtest_filter=InsideTheCopy.*"};
    child.environment = {std::string(kInside) + "=" + folder_.Path("run")};
    auto process = launch::ChildProcess::Start(child);
    if (!process.ok()) {
      ADD_FAILURE() << process.status();
      return {};
    }
    const auto status = process->Wait(std::chrono::seconds(30));
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *status : launch::ExitStatus{};
  }

  const TemporaryFolder folder_;
};

TEST(InsideTheCopy, Runs) {
  const char* folder = std::getenv(kInside);
  if (folder == nullptr) return;  // Only the copy has something to run.
  const auto report = RunTrain(folder, {{"train.steps", "7"}, {"gate.mode", "compact"}});
  if (report.ok()) std::_Exit(*report == Everything() ? 40 : 41);
  std::_Exit(report.status().code() == absl::StatusCode::kAborted &&
                     std::string(report.status().message()).find(folder) != std::string::npos
                 ? 42
                 : 43);
}

TEST_F(RunTrainTest, ReturnsTheReportOfTheWorker) {
  const launch::ExitStatus status = RunWith(R"(
here=$(dirname "$0")
echo "$@" > "$here/arguments"
for argument in "$@"; do
  case $argument in --json=*) cp "$here/report.json" "${argument#--json=}" ;; esac
done
)");
  EXPECT_EQ(status.code, 40) << status.ToString();
  const std::string run = folder_.Path("run");
  EXPECT_EQ(*ReadFile(folder_.Path("arguments")),
            "train --run.folder=" + run + " --json=" + run +
                "/report.json --train.steps=7 --gate.mode=compact\n");
  EXPECT_FALSE(std::filesystem::exists(run + "/left-over")) << "the folder is emptied first";
}

TEST_F(RunTrainTest, AWorkerThatFailsIsAborted) {
  const launch::ExitStatus status = RunWith("exit 3\n");
  EXPECT_EQ(status.code, 42) << status.ToString();
}

}  // namespace
}  // namespace sluice::study

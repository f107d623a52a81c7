#include "worker/study/turns.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/worker/study/copy_of_test.h"
#include "worker/train/report.h"

namespace sluice::study {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

bool IsAlive(const std::string& folder, const std::string& run) {
  int pid = 0;
  return absl::SimpleAtoi(ReadFile(folder + "/pid-" + run).value_or(""), &pid) &&
         ::kill(pid, 0) == 0;
}

// In the copy: takes turns by the file `plan`, "SLICE NAME:SHARE NAME:SHARE…". Leaves the reports'
// names and steps or the error in `result`, the last progress in `progress`, and who is left alive
// in `alive`.
TEST(InsideTheCopyOfTurns, TakeTurns) {
  if (FolderOfThisCopy() == nullptr) return;  // Only the copy has something to run.
  const std::string folder = FolderOfThisCopy();
  const std::vector<std::string> plan = absl::StrSplit(ReadFile(folder + "/plan").value(), ' ');
  TurnOptions options;
  options.slice = std::chrono::milliseconds(std::stoll(plan[0]));
  options.progress = [&folder](const std::vector<int64_t>& steps) {
    std::ofstream(folder + "/progress") << absl::StrJoin(steps, " ");
  };
  std::vector<TurnRun> runs;
  for (size_t i = 1; i < plan.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(plan[i], ':');
    runs.push_back({parts[0],
                    folder + "/runs/" + parts[0],
                    {{"run.name", parts[0]}, {"train.seed", "7"}},
                    std::stod(parts[1])});
  }
  const auto reports = RunInTurns(runs, options);
  std::ofstream result(folder + "/result");
  std::ofstream alive(folder + "/alive");
  if (!reports.ok()) result << reports.status().ToString();
  for (const auto& report : reports.value_or(std::vector<train::TrainReport>()))
    result << report.run << " " << report.last_step << "\n";
  for (const TurnRun& run : runs) alive << (IsAlive(folder, run.name) ? run.name : "");
}

// A worker that does nothing, and a sluicectl that pauses and resumes nothing: both write down what
// they are told. A run ends by its last turn, when its pause is refused, or when `is_over` says.
// What a test puts into the scripts `first-NAME` and `ctl` comes before that.
class TurnsTest : public CopyOfTest {
 protected:
  void SetUp() override {
    Script("sluice-worker", R"(
for argument in "$@"; do
  case $argument in
    --run.name=*) name=${argument#*=} ;;
    --run.folder=*) folder=${argument#*=} ;;
    --json=*) json=${argument#*=} ;;
  esac
done
is_over() { (($(grep -c "^pause $name\$" "$here/log") > $(<"$here/turns-$name"))); }
echo "start $name" >>"$here/log"
echo "$*" >"$here/arguments-$name"
echo $$ >"$here/pid-$name"
[[ -e $here/first-$name ]] && . "$here/first-$name"
echo "$name" >"$folder/address"
mv "$folder/address" "$folder/service.rank0"
until is_over; do sleep 0.02; done
cp "$here/report-$name" "$json"
)");
    Script("sluicectl", R"(
echo "$2 $3" >>"$here/log"
echo "$*" >"$here/sluicectl-$2"
[[ -e $here/ctl ]] && . "$here/ctl"
pauses=$(grep -c "^pause $3\$" "$here/log")
[[ $2 == pause ]] && ((pauses > $(<"$here/turns-$3"))) && exit 1
echo "{\"step\": \"$((10 * pauses))\"}"
)");
  }
  // A run that is paused so often before it ends: before its first step, and after each turn but
  // the last.
  void Prepare(const std::string& run, int pauses) const {
    folder_.Write("turns-" + run, std::to_string(pauses));
    train::TrainReport report;
    report.run = "report of " + run;
    report.last_step = 100 + pauses;
    folder_.Write("report-" + run, train::ReportToJson(report));
  }
  std::string Take(const std::string& plan) const {
    folder_.Write("plan", plan);
    RunCopy("InsideTheCopyOfTurns.*");
    return FileOf("result");
  }
  std::vector<std::string> Log() const {
    return absl::StrSplit(FileOf("log"), '\n', absl::SkipEmpty());
  }
};

TEST_F(TurnsTest, OneAfterTheOtherUntilAllHaveEnded) {
  Prepare("a", 3);
  Prepare("b", 1);
  EXPECT_EQ(Take("1 a:1 b:1"), "report of a 103\nreport of b 101\n") << "in the order of the runs";
  EXPECT_THAT(Log(), ElementsAre("start a", "pause a", "start b", "pause b",  // Nobody trains yet.
                                 "resume a", "pause a", "resume b", "pause b",  // The end of b.
                                 "resume a", "pause a", "resume a", "pause a"));
  EXPECT_EQ(FileOf("progress"), "103 101") << "the last steps, once all have ended";
  EXPECT_EQ(FileOf("alive"), "");
}

TEST_F(TurnsTest, WhatWorkerAndSluicectlAreTold) {
  Prepare("a", 1);
  folder_.Write("runs/a/left-over", "of an earlier run");
  folder_.Write("runs/a/service.rank0", "an earlier address");
  Take("1 a:1");
  const std::string run = folder_.Path("runs/a");
  EXPECT_EQ(FileOf("arguments-a"),
            absl::StrCat("train --run.folder=", run, " --json=", run,
                         "/report.json --run.name=a --train.seed=7 --run.paused=true "
                         "--worker.listen=127.0.0.1:0\n"));
  EXPECT_EQ(FileOf("sluicectl-pause"), "worker pause a --json --timeout 300\n");
  EXPECT_EQ(FileOf("sluicectl-resume"), "worker resume a --json --timeout 300\n");
  EXPECT_FALSE(std::filesystem::exists(run + "/left-over"));
}

// The slice is a quarter of an hour: a run that got it whole would not be back in time.
TEST_F(TurnsTest, ARunGetsItsShareOfTheSlice) {
  Prepare("a", 1);
  folder_.Write("ctl", "date +%s%3N >\"$here/time-$2\"\n");
  Take("1000000 a:0.0005");
  int64_t resumed = 0, paused = 0;
  ASSERT_TRUE(absl::SimpleAtoi(FileOf("time-resume"), &resumed));
  ASSERT_TRUE(absl::SimpleAtoi(FileOf("time-pause"), &paused));
  EXPECT_GE(paused - resumed, 490);
}

TEST_F(TurnsTest, ARunThatEndsInsideItsSliceIsNotWaitedForNorPaused) {
  Prepare("a", 1);
  folder_.Write("first-a", "is_over() { grep -q '^resume a$' \"$here/log\"; }\n");
  EXPECT_EQ(Take("1000000 a:1"), "report of a 101\n");
  EXPECT_THAT(Log(), ElementsAre("start a", "pause a", "resume a"));
}

TEST_F(TurnsTest, ARunThatEndsBeforeItsFirstStepIsNamedWithTheEndOfItsLog) {
  Prepare("a", 1);
  folder_.Write("runs/a.log", "words of an earlier run");
  folder_.Write("first-a",
                "echo 'the beginning' >&2\nprintf 'x%.0s' {1..590} >&2\n"
                "echo ' reason' >&2\nexit 3\n");
  const std::string result = Take("1 a:1");
  EXPECT_THAT(result,
              StartsWith("ABORTED: run a ended before its first step; the end of its log '" +
                         folder_.Path("runs/a.log") + "':\n"));
  EXPECT_THAT(result, HasSubstr("\n" + std::string(590, 'x') + " reason\n"));
  EXPECT_THAT(result, Not(HasSubstr("the beginning")));
  EXPECT_THAT(FileOf("runs/a.log"), StartsWith("the beginning")) << "the file has all of this run";
}

TEST_F(TurnsTest, ARefusalBeforeTheFirstStepOrOfAResumeIsAnError) {
  Prepare("a", 0);
  folder_.Write("ctl", "echo \"$2 is refused\" >&2\n");
  const std::string log = "; the end of its log '" + folder_.Path("runs/a.log") + "':\n";
  EXPECT_EQ(Take("1 a:1"),
            "ABORTED: run a cannot be paused before its first step" + log + "pause is refused\n");
  Prepare("a", 9);
  folder_.Write("ctl", "[[ $2 == resume ]] && echo \"$2 is refused\" >&2 && exit 1\n");
  EXPECT_EQ(Take("1 a:1"), "ABORTED: run a cannot be resumed" + log + "resume is refused\n");
}

TEST_F(TurnsTest, ARunThatFailsEndsTheOthers) {
  Prepare("a", 1'000'000);
  Prepare("b", 1);
  std::filesystem::remove(folder_.Path("report-b"));
  const std::string result = Take("1 a:1 b:1");
  EXPECT_THAT(result, StartsWith("ABORTED: run b training run in '" + folder_.Path("runs/b") +
                                 "' exited with code 1; the end of its log '" +
                                 folder_.Path("runs/b.log") + "':\n"));
  EXPECT_THAT(Log(), ::testing::Contains("start a"));
  EXPECT_EQ(FileOf("alive"), "");
}

TEST_F(TurnsTest, AnAnswerWithoutAStepIsSaid) {
  Prepare("a", 9);
  for (const std::string answer : {"nonsense", "[]", "{}", R"({"step":"many"})"}) {
    folder_.Write("ctl", "echo '" + answer + "'\nexit 0\n");
    EXPECT_EQ(Take("1 a:1"), "INTERNAL: sluicectl worker pause said: " + answer);
    EXPECT_EQ(FileOf("alive"), "");
  }
}

}  // namespace
}  // namespace sluice::study

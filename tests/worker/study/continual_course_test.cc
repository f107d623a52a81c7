#include "worker/study/continual_course.h"

#include <gmock/gmock.h>

#include "tests/worker/study/copy_of_test.h"

namespace sluice::study {
namespace {

using ::testing::HasSubstr;

// Writes what it was told beside itself.
constexpr char kListener[] = "printf '%s\\n' \"$@\" >\"$here/told\"\n";

Course MakeCourse(const std::string& folder) {
  Course course;
  course.strategy.name = "der";
  course.folder = folder + "/runs";
  course.memory = folder + "/memory";
  course.checkpoint = folder + "/checkpoint";
  course.experts = {"first", "second", "third"};
  return course;
}

// What a copy leaves of a status or of rows.
void Leave(const std::string& folder, const std::string& text) {
  std::ofstream(folder + "/answer") << text;
}

class ContinualCourse : public CopyOfTest {};

TEST_F(ContinualCourse, WhatKeepsNothingStartsNothing) {
  if (const char* folder = FolderOfThisCopy()) {
    Leave(folder, Remember(MakeCourse(folder), "invert", 3, {}).ToString());
    return;
  }
  Script("sluice-worker", kListener);
  RunCopy("ContinualCourse.WhatKeepsNothingStartsNothing");
  EXPECT_EQ(FileOf("answer"), "OK");
  EXPECT_EQ(FileOf("told"), "");
}

TEST_F(ContinualCourse, ADomainIsRegisteredWithWhatTheStrategyKeeps) {
  if (const char* folder = FolderOfThisCopy()) {
    Course course = MakeCourse(folder);
    course.strategy.buffer_images = 12;
    course.strategy.probe_images = 0;
    course.strategy.fisher_images = 7;
    Leave(folder, Remember(course, "invert", 3, {{"data.domain", "noise"}}).ToString());
    return;
  }
  Script("sluice-worker", kListener);
  RunCopy("ContinualCourse.ADomainIsRegisteredWithWhatTheStrategyKeeps");
  EXPECT_EQ(FileOf("answer"), "OK");
  const std::string told = FileOf("told");
  EXPECT_THAT(told, ::testing::StartsWith("register\n"));
  for (const std::string& argument :
       {"--model.init=" + folder_.Path("checkpoint"), std::string("--name=invert"),
        "--output=" + folder_.Path("memory"), std::string("--buffer_images=12"),
        std::string("--probe_images=0"), std::string("--fisher_images=7"),
        std::string("--train.seed=3"), std::string("--data.domain=noise")}) {
    EXPECT_THAT(told, HasSubstr(argument + "\n"));
  }
}

TEST_F(ContinualCourse, AFailedRegistrationNamesTheStrategyAndTheLog) {
  if (const char* folder = FolderOfThisCopy()) {
    Course course = MakeCourse(folder);
    course.strategy.probe_images = 1;
    const absl::Status status = Remember(course, "invert", 3, {});
    Leave(folder, status.ToString());
    return;
  }
  Script("sluice-worker", "echo 'no such checkpoint' >&2\nexit 3\n");
  RunCopy("ContinualCourse.AFailedRegistrationNamesTheStrategyAndTheLog");
  EXPECT_THAT(FileOf("answer"), HasSubstr("ABORTED: register for der"));
  EXPECT_THAT(FileOf("answer"), HasSubstr("3; see " + folder_.Path("runs.register.log")));
  EXPECT_EQ(FileOf("runs.register.log"), "no such checkpoint\n");
}

// Routes over two domains and leaves the rows.
void RouteAndLeave(const std::string& folder) {
  const auto rows = Route(MakeCourse(folder), {"none", "invert"});
  std::string text = rows.status().ToString();
  for (const auto& row : rows.value_or(std::vector<train::DomainAccuracy>{}))
    text += " " + row.domain + "=" + std::to_string(row.accuracy);
  Leave(folder, text);
}

TEST_F(ContinualCourse, RoutingAsksAllExpertsAndReadsTheReport) {
  if (const char* folder = FolderOfThisCopy()) return RouteAndLeave(folder);
  Script("sluice-worker", std::string(kListener) +
                              "echo '{\"domains\": [{\"domain\": \"none\", \"accuracy\": 0.5}, "
                              "{\"domain\": \"invert\", \"accuracy\": 0.25}]}' "
                              ">\"$here/runs.routed.json\"\n");
  RunCopy("ContinualCourse.RoutingAsksAllExpertsAndReadsTheReport");
  EXPECT_EQ(FileOf("answer"), "OK none=0.500000 invert=0.250000");
  EXPECT_THAT(FileOf("told"), HasSubstr("eval\n--model.init=first\n--experts=second,third\n"));
  EXPECT_THAT(FileOf("told"), HasSubstr("--eval.domains=none,invert\n"));
}

TEST_F(ContinualCourse, AReportThatIsNoneIsAnErrorThatNamesIt) {
  if (const char* folder = FolderOfThisCopy()) return RouteAndLeave(folder);
  for (const std::string text : {"", "[]", "{}", "{\"domains\": [{\"domain\": 1}]}"}) {
    Script("sluice-worker", "echo '" + text + "' >\"$here/runs.routed.json\"\n");
    RunCopy("ContinualCourse.AReportThatIsNoneIsAnErrorThatNamesIt");
    EXPECT_THAT(FileOf("answer"), HasSubstr("DATA_LOSS")) << text;
    EXPECT_THAT(FileOf("answer"), HasSubstr("runs.routed.json")) << text;
  }
}

TEST_F(ContinualCourse, AFailedEvaluationLeavesNoRows) {
  if (const char* folder = FolderOfThisCopy()) return RouteAndLeave(folder);
  Script("sluice-worker", "kill -9 $$\n");
  RunCopy("ContinualCourse.AFailedEvaluationLeavesNoRows");
  EXPECT_THAT(FileOf("answer"), HasSubstr("ABORTED: routed evaluation of der"));
  EXPECT_THAT(FileOf("answer"), HasSubstr("runs.routed.log"));
}

}  // namespace
}  // namespace sluice::study

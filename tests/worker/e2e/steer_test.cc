#include <gtest/gtest.h>

#include <filesystem>

#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// What `sluicectl worker ACTION` answers; null if it fails.
json Ask(const std::string& action, const std::string& address) {
  launch::ChildOptions child;
  child.program = launch::SiblingProgram("sluicectl").value();
  child.arguments = {"worker", action, address, "--json", "--timeout", "30"};
  child.capture_stdout = true;
  auto process = launch::ChildProcess::Start(child);
  if (!process.ok()) return nullptr;
  const auto line = process->ReadLine(seconds(40));
  const auto exit = process->Wait(seconds(40));
  if (!exit.ok() || !exit->ok() || !line.ok()) return nullptr;
  return json::parse(*line, nullptr, false);
}

std::string AddressOf(const std::string& folder, int rank) {
  const std::string file = folder + "/service.rank" + std::to_string(rank);
  if (!WaitForText(file, "\n")) return "";
  std::string text = ReadFile(file).value_or("");
  text.pop_back();
  return text;
}

Options SteeredRun(const std::string& folder) {
  return With(SmallRun(folder), {{"sidecar", "off"}, {"train.steps", "200"}});
}

// The step of an answer; 64-bit integers are strings in Protobuf's JSON.
int StepOf(const json& answer, const char* key = "step") {
  return answer.is_object() ? std::stoi(answer.value(key, "-1")) : -1;
}

TEST(Steer, EveryRankObeysAtTheSameStepAndNothingElseChanges) {
  const std::string plain = FreshFolder("plain"), steered = FreshFolder("steered");
  ASSERT_TRUE(RunWorker("train", SteeredRun(plain), plain + "/log").exit.ok());

  launch::ChildProcess run =
      StartWorker("train", With(SteeredRun(steered), {{"run.paused", "true"}}), steered + "/log");
  const std::string first = AddressOf(steered, 0), second = AddressOf(steered, 1);
  ASSERT_NE(first, second);
  EXPECT_EQ(StepOf(Ask("pause", first)), 0);
  EXPECT_EQ(Ask("status", second).value("phase", ""), "PHASE_PAUSED");

  // Asked of one rank, obeyed by both; and the pause holds.
  EXPECT_EQ(StepOf(Ask("resume", second)), 1);
  const int step = StepOf(Ask("pause", second));
  ASSERT_GE(step, 1);
  for (int look = 0; look < 5; ++look) {
    for (const std::string& address : {first, second}) {
      const json status = Ask("status", address);
      EXPECT_EQ(status.value("phase", ""), "PHASE_PAUSED");
      EXPECT_EQ(StepOf(status), step);
    }
  }

  const json saved = Ask("checkpoint", second);
  EXPECT_EQ(StepOf(saved), step);
  EXPECT_TRUE(std::filesystem::exists(steered + "/" + saved.value("name", "none")));
  EXPECT_EQ(Ask("status", first).value("checkpoint", ""), saved.value("name", "none"));

  EXPECT_EQ(StepOf(Ask("resume", first)), step + 1);
  const int last = StepOf(Ask("drain", second), "last_step");
  ASSERT_GT(last, 0);
  const auto exit = run.Wait(seconds(60));
  ASSERT_TRUE(exit.ok() && exit->ok()) << ReadFile(steered + "/log").value_or("");
  EXPECT_EQ(ReadJson(steered + "/report.json").value("last_step", 0), last);
  EXPECT_LT(last, 200);

  const Outcome rest =
      RunWorker("train", With(SteeredRun(steered), {{"resume", "true"}}), steered + "/log2");
  ASSERT_TRUE(rest.exit.ok()) << rest.log;
  EXPECT_EQ(ReadFile(plain + "/model.safetensors").value(),
            ReadFile(steered + "/model.safetensors").value());
}

TEST(Steer, APausedRunObeysSigterm) {
  const std::string folder = FreshFolder("run");
  launch::ChildProcess run =
      StartWorker("train", With(SteeredRun(folder), {{"run.paused", "true"}}), folder + "/log");
  EXPECT_EQ(StepOf(Ask("pause", AddressOf(folder, 1))), 0);
  ASSERT_TRUE(run.Kill(SIGTERM).ok());
  const auto exit = run.Wait(seconds(30));
  ASSERT_TRUE(exit.ok() && exit->ok()) << ReadFile(folder + "/log").value_or("");
  EXPECT_FALSE(std::filesystem::exists(folder + "/service.rank0"));
}

TEST(Steer, AServiceThatCannotListenIsSaidAndNothingTrains) {
  const std::string folder = FreshFolder("run");
  launch::ChildProcess holder =
      StartWorker("train", With(SteeredRun(folder), {{"run.paused", "true"}}), folder + "/log");
  const std::string taken = AddressOf(folder, 0);
  const std::string other = FreshFolder("other");
  const Outcome outcome = RunWorker(
      "train", With(SteeredRun(other), {{"nproc", "1"}, {"worker.listen", taken}}), other + "/log");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("cannot listen on " + taken), std::string::npos) << outcome.log;
  const Outcome open =
      RunWorker("train", With(SteeredRun(other), {{"worker.listen", "0.0.0.0:0"}}), other + "/log");
  EXPECT_FALSE(open.exit.ok());
  EXPECT_NE(open.log.find("0.0.0.0:0"), std::string::npos) << open.log;
  EXPECT_TRUE(holder.Terminate(seconds(20)).ok());
}

}  // namespace
}  // namespace sluice::e2e

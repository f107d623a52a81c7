// A planted forgetting event, against real ranks and a real sidecar: the breaker climbs its ladder,
// every rung is executed, and it comes down again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/worker/e2e/learnt_domain.h"
#include "worker/data/idx_file.h"
#include "worker/telemetry/decision_log.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::e2e {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kData[] = "/usr/share/datasets/fashion-mnist";
constexpr int kProbeEvery = 2;

// The real images with labels that are all wrong: what was learnt must be forgotten.
std::string PermutedLabels(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(kData))
    fs::create_symlink(entry.path(), fs::path(folder) / entry.path().filename());
  const auto labels = data::ReadIdxFile(absl::StrCat(kData, "/train-labels-idx1-ubyte.gz"), 1);
  EXPECT_TRUE(labels.ok()) << labels.status();
  const auto count = static_cast<uint32_t>(labels->values.size());
  std::string file = {0, 0, 8, 1};
  for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(count >> shift);
  for (const uint8_t label : labels->values) file += static_cast<char>((label + 3) % 10);
  fs::remove(fs::path(folder) / "train-labels-idx1-ubyte.gz");
  EXPECT_TRUE(WriteFileAtomically(folder + "/train-labels-idx1-ubyte", file).ok());
  return folder;
}

// Bytes of every tensor of the model, without `prefix` in front of the names.
std::map<std::string, std::string> Weights(const std::string& path, const std::string& prefix) {
  std::map<std::string, std::string> weights;
  const auto file = tensors::SafetensorsFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return weights;
  for (const std::string& name : file->names()) {
    if (name.rfind(prefix, 0) != 0) continue;
    weights[name.substr(prefix.size())] = std::string(file->Get(name)->data);
  }
  return weights;
}

// A check that the worker has logged.
struct LoggedCheck {
  uint64_t step = 0;
  bool worse = false;
};

std::vector<LoggedCheck> LoggedChecks(const std::string& log) {
  static const std::regex line(
      "step ([0-9]+): probe old: loss [^ ]+ \\(([-+.0-9]+) %, limit ([.0-9]+) %\\)");
  std::vector<LoggedCheck> checks;
  for (auto it = std::sregex_iterator(log.begin(), log.end(), line); it != std::sregex_iterator();
       ++it) {
    checks.push_back({std::stoull((*it)[1]), std::stod((*it)[2]) > std::stod((*it)[3])});
  }
  return checks;
}

class Breaker : public testing::Test {
 protected:
  void SetUp() override {
    base_ = FreshFolder("base");
    memory_ = FreshFolder("memory");
    run_ = FreshFolder("run");
    // Not trained to its end: with the right labels a later run makes it better.
    ASSERT_NO_FATAL_FAILURE(LearnDomain(
        base_, memory_, {{"train.lr", "1e-3"}, {"train.steps", "60"}}, /*probe_images=*/400, 100));
    StartSidecar("127.0.0.1:0");
  }

  void StartSidecar(const std::string& listen) {
    launch::SidecarOptions options;
    options.state = run_ + "/state";
    options.listen = listen;
    options.log = run_ + "/sidecar.log";
    options.arguments = {"--breaker.last-rung", "rollback"};
    auto sidecar = launch::SidecarProcess::Start(options);
    ASSERT_TRUE(sidecar.ok()) << sidecar.status();
    sidecar_.emplace(*std::move(sidecar));
    address_ = sidecar_->grpc().ToString();
  }

  // Goes on from what the base run learnt. Its first steps are too small to forget anything.
  Options Run(const std::string& data) const {
    return With(SmallRun(run_), {{"model.init", FinalCheckpoint(base_)},
                                 {"data.folder", data},
                                 {"legacy.folder", memory_},
                                 {"probe.every", absl::StrCat(kProbeEvery)},
                                 {"checkpoint.every", "2"},
                                 {"checkpoint.keep", "1000"},
                                 {"sidecar", address_},
                                 {"telemetry.poll_seconds", "0.01"},
                                 {"train.steps", "1000000"},
                                 {"train.warmup_steps", "40"},
                                 {"train.lr", "1e-3"}});
  }

  std::vector<telemetry::DecisionEntry> Decisions() const {
    auto entries = telemetry::ReadDecisionLog(run_ + "/decisions.jsonl");
    return entries.ok() ? *std::move(entries) : std::vector<telemetry::DecisionEntry>();
  }
  // What first took the breaker to `level`.
  telemetry::DecisionEntry First(uint32_t level) const {
    for (const telemetry::DecisionEntry& entry : Decisions()) {
      if (entry.directive.breaker_level == level) return entry;
    }
    ADD_FAILURE() << "no directive has level " << level;
    return {};
  }
  // The levels in the order in which they held, each once.
  std::vector<uint32_t> Levels() const {
    std::vector<uint32_t> levels;
    for (const telemetry::DecisionEntry& entry : Decisions()) {
      const uint32_t level = entry.directive.breaker_level;
      if (levels.empty() || levels.back() != level) levels.push_back(level);
    }
    return levels;
  }
  bool WaitForLevel(uint32_t level) {
    return WaitUntil([&] { return !Levels().empty() && Levels().back() == level; },
                     std::chrono::minutes(1));
  }
  std::string Log() const { return ReadFile(run_ + "/log").value_or(""); }

  // The step of the third check above the limit in a row.
  uint64_t ThirdWorse() const {
    int worse = 0;
    for (const LoggedCheck& check : LoggedChecks(Log())) {
      worse = check.worse ? worse + 1 : 0;
      if (worse == 3) return check.step;
    }
    return 0;
  }

  std::string base_, memory_, run_, address_;
  std::optional<launch::SidecarProcess> sidecar_;
};

TEST_F(Breaker, ClimbsTheLadderOnRealRanksAndComesDownAgain) {
  launch::ChildProcess worker =
      StartWorker("train", Run(PermutedLabels(FreshFolder("data"))), run_ + "/log");
  ASSERT_TRUE(WaitForLevel(2)) << Log();
  // A sidecar that dies in between goes on from the same rung.
  ASSERT_TRUE(sidecar_->process().Kill(SIGKILL).ok());
  ASSERT_NO_FATAL_FAILURE(StartSidecar(address_));
  ASSERT_TRUE(WaitForText(run_ + "/log", "paused after step")) << Log();
  EXPECT_THAT(Levels(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(First(1).directive.based_on_step, ThirdWorse());
  EXPECT_THAT(Log(), HasSubstr("25 % of each batch are rehearsed from step"));
  EXPECT_THAT(Log(), HasSubstr("the backbone rests from step"));

  ASSERT_TRUE(worker.Terminate(std::chrono::seconds(60)).ok());
  // The values are those of the newest checkpoint from before the first worse check.
  std::smatch healthy;
  const std::string log = Log();
  ASSERT_TRUE(
      std::regex_search(log, healthy, std::regex("rolled back to the values of step (\\d+)")));
  uint64_t calm = 0;
  for (const LoggedCheck& check : LoggedChecks(log)) {
    if (check.step >= First(1).step) break;
    if (!check.worse) calm = check.step;
  }
  EXPECT_EQ(std::stoull(healthy[1]), calm);
  const auto rolled_back = Weights(run_ + "/model.safetensors", "");
  EXPECT_FALSE(rolled_back.empty());
  EXPECT_EQ(rolled_back,
            Weights(absl::StrFormat("%s/checkpoint-%08d.safetensors", run_, calm), "model."));

  // With the right labels nothing is forgotten any more: down, rung by rung.
  launch::ChildProcess resumed =
      StartWorker("train", With(Run(kData), {{"resume", "true"}}), run_ + "/log2");
  ASSERT_TRUE(WaitForLevel(0)) << ReadFile(run_ + "/log2").value_or("");
  const std::vector<uint32_t> levels = Levels();
  EXPECT_THAT(std::vector<uint32_t>(levels.begin(), levels.begin() + 7),
              ElementsAre(0, 1, 2, 3, 4, 5, 4));
  for (size_t i = 1; i < levels.size(); ++i)
    EXPECT_EQ(std::abs(static_cast<int>(levels[i]) - static_cast<int>(levels[i - 1])), 1);
  EXPECT_TRUE(resumed.Terminate(std::chrono::seconds(60)).ok());
}

// Two checkpoints from while the backbone rested differ in the classifier alone. That of the step
// before the roll-back is none of them: the stop saves it once more, with the values gone back to.
TEST_F(Breaker, AFrozenBackboneRestsToTheBit) {
  launch::ChildProcess worker = StartWorker(
      "train", With(Run(PermutedLabels(FreshFolder("data"))), {{"checkpoint.every", "1"}}),
      run_ + "/log");
  ASSERT_TRUE(WaitForText(run_ + "/log", "paused after step")) << Log();
  ASSERT_TRUE(worker.Terminate(std::chrono::seconds(60)).ok());
  const uint64_t freeze = First(4).step, back = First(5).step;
  ASSERT_GT(back, freeze + 2);
  const auto at = [this](uint64_t step) {
    return Weights(absl::StrFormat("%s/checkpoint-%08d.safetensors", run_, step), "model.");
  };
  const auto first = at(freeze), last = at(back - 2);
  ASSERT_FALSE(first.empty());
  for (const auto& [name, value] : first) {
    const bool head = name.rfind("head.", 0) == 0;
    EXPECT_EQ(value == last.at(name), !head) << name;
  }
}

// Another domain whose labels are right, with what is in force unless told otherwise: its own
// sidecar at its defaults, half of each batch rehearsed by DER++.
TEST_F(Breaker, AnOrdinaryShiftUnderTheDefaultsEndsUnpaused) {
  const Outcome outcome = RunWorker("train",
                                    With(Run(kData), {{"data.domain", "invert"},
                                                      {"sidecar", "spawn"},
                                                      {"rehearsal.share", "0.5"},
                                                      {"rehearsal.loss", "der"},
                                                      {"train.steps", "150"}}),
                                    run_ + "/log");
  EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
  EXPECT_EQ(outcome.log.find("paused after step"), std::string::npos);
  EXPECT_EQ(ReadJson(run_ + "/report.json").value("last_step", 0), 150);
  const std::vector<uint32_t> levels = Levels();
  ASSERT_FALSE(levels.empty());
  EXPECT_GE(*std::max_element(levels.begin(), levels.end()), 1u) << "it is a shift";
  EXPECT_LE(*std::max_element(levels.begin(), levels.end()), 3u) << "rehearse";
}

TEST_F(Breaker, WithoutAHealthyCheckpointItPausesAndSaysWhy) {
  launch::ChildProcess worker = StartWorker(
      "train", With(Run(PermutedLabels(FreshFolder("data"))), {{"checkpoint.every", "0"}}),
      run_ + "/log");
  ASSERT_TRUE(WaitForText(run_ + "/log", "paused after step")) << Log();
  EXPECT_THAT(Log(), HasSubstr("no healthy checkpoint to roll back to"));
  EXPECT_TRUE(WaitForText(run_ + "/sidecar.log", "was not taken: no healthy checkpoint"));
  EXPECT_TRUE(worker.Terminate(std::chrono::seconds(60)).ok());
}

}  // namespace
}  // namespace sluice::e2e

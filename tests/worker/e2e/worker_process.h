#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/file.h"
#include "tests/common/wait_until.h"
#include "worker/launch/child_process.h"
#include "worker/launch/sidecar_process.h"

// Running the real binaries from tests.
namespace sluice::e2e {

using Options = std::vector<std::pair<std::string, std::string>>;

// An empty folder of this test's own, named after it.
inline std::string FreshFolder(const std::string& name) {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = (std::filesystem::path(::testing::TempDir()) / "sluice-e2e" /
                            (std::string(info->test_suite_name()) + "." + info->name()) / name)
                               .string();
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

// A run that takes seconds: a very small model on a few real images, two ranks.
inline Options SmallRun(const std::string& folder) {
  return {{"run.folder", folder},
          {"json", folder + "/report.json"},
          {"nproc", "2"},
          {"model.dim", "32"},
          {"model.depth", "3"},
          {"model.heads", "2"},
          {"data.train_subset", "first:512"},
          {"data.eval_subset", "first:64"},
          {"train.batch", "24"},
          {"train.steps", "60"},
          {"train.warmup_steps", "5"},
          {"train.threads", "1"},
          {"gate.mode", "compact"},
          {"gate.scorer", "information"},
          {"gate.policy", "threshold"},
          {"gate.threshold", "0.05"},
          {"gate.rate", "0.3"},
          {"telemetry.poll_seconds", "0.05"},
          {"collective.timeout", "20"},
          {"progress.seconds", "0"}};
}

// `base` with the values of `changes` in place of its own.
inline Options With(Options base, const Options& changes) {
  for (const auto& change : changes) {
    std::erase_if(base, [&](const auto& option) { return option.first == change.first; });
    base.push_back(change);
  }
  return base;
}

// Starts sluice-worker with its standard error in `log`.
inline launch::ChildProcess StartWorker(const std::string& command, const Options& options,
                                        const std::string& log,
                                        const std::vector<std::string>& environment = {}) {
  launch::ChildOptions child;
  child.program = "/bin/sh";
  child.arguments = {"-c", "exec \"$0\" \"$@\" 2>'" + log + "'",
                     launch::SiblingProgram("sluice-worker").value(), command};
  for (const auto& [name, value] : options) child.arguments.push_back("--" + name + "=" + value);
  child.environment = environment;
  auto process = launch::ChildProcess::Start(child);
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

struct Outcome {
  launch::ExitStatus exit;
  std::string log;  // Standard error.
};

// Runs it to its end, which must come within two minutes.
inline Outcome RunWorker(const std::string& command, const Options& options, const std::string& log,
                         const std::vector<std::string>& environment = {}) {
  launch::ChildProcess process = StartWorker(command, options, log, environment);
  const auto exit = process.Wait(std::chrono::minutes(2));
  EXPECT_TRUE(exit.ok()) << exit.status();
  return {exit.value_or(launch::ExitStatus{}), ReadFile(log).value_or("")};
}

inline nlohmann::json ReadJson(const std::string& path) {
  return nlohmann::json::parse(ReadFile(path).value_or("null"), nullptr, false);
}

// Waits, at most a minute, until `file` exists and holds `text`.
inline bool WaitForText(const std::string& file, const std::string& text) {
  return WaitUntil([&] { return ReadFile(file).value_or("").find(text) != std::string::npos; },
                   std::chrono::minutes(1));
}

}  // namespace sluice::e2e

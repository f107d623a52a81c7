#pragma once

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "tests/worker/e2e/worker_process.h"

// A run whose ranks come to harm, seen from outside: its processes, its log, its folder.
namespace sluice::e2e {

// A run of two ranks that saves often and has no sidecar: two of them have the same bits.
inline Options ElasticRun(const std::string& folder, const std::string& steps) {
  return With(SmallRun(folder), {{"sidecar", "off"},
                                 {"train.steps", steps},
                                 {"checkpoint.every", "5"},
                                 {"worker.listen", "off"}});
}

// The weights at the end of a run that nobody disturbed.
inline std::string UndisturbedWeights(const Options& options, const std::string& folder) {
  const Outcome outcome = RunWorker("train",
                                    With(options, {{"run.folder", folder},
                                                   {"json", folder + "/report.json"},
                                                   {"max-restarts", "0"},
                                                   {"sidecar", "off"}}),
                                    folder + "/log");
  EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
  return ReadFile(folder + "/model.safetensors").value_or("");
}

// Step of the newest checkpoint of `folder`; 0: none.
inline int NewestStep(const std::string& folder) {
  int newest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    int step = 0;
    if (entry.path().extension() == ".safetensors" &&
        std::sscanf(entry.path().filename().c_str(), "checkpoint-%d", &step) == 1) {
      newest = std::max(newest, step);
    }
  }
  return newest;
}

// The process of `rank` among the children of `launcher`; -1: there is none.
inline pid_t PidOfRank(pid_t launcher, int rank) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = ReadFile("/proc/" + name + "/stat").value_or("");
    const size_t behind = stat.rfind(") ");
    pid_t parent = 0;
    char state = 0;
    if (behind == std::string::npos ||
        std::sscanf(stat.c_str() + behind + 2, "%c %d", &state, &parent) != 2 ||
        parent != launcher || state == 'Z') {
      continue;
    }
    const std::string end(1, '\0');
    const std::string environment = end + ReadFile("/proc/" + name + "/environ").value_or("");
    if (environment.find(end + "RANK=" + std::to_string(rank) + end) != std::string::npos) {
      return std::stoi(name);
    }
  }
  return -1;
}

// The steps that the run's starts went on after, in their order.
inline std::vector<int> Resumed(const std::string& log) {
  std::vector<int> steps;
  std::istringstream lines(ReadFile(log).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("goes on after step ");
    if (at != std::string::npos && line.find("rank0") != std::string::npos)
      steps.push_back(std::stoi(line.substr(at + 19)));
  }
  return steps;
}

}  // namespace sluice::e2e

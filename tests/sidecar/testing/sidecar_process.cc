#include "tests/sidecar/testing/sidecar_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/common/wait_until.h"

extern char** environ;

namespace sluice::sidecar::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

int WaitForExit(pid_t pid) {
  int status = 0;
  if (!WaitUntil([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, kPatience)) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& error_file,
            const Launch& launch) {
  std::vector<std::string> words = launch.before;
  words.push_back(launch.binary);
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv, environment;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = launch.environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  pid_t pid = -1;
  EXPECT_EQ(::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environment.data()), 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

SidecarProcess::SidecarProcess(const std::string& state, std::vector<std::string> more,
                               const Launch& launch) {
  const std::string ports = state + ".ports";
  std::filesystem::remove(ports);
  std::vector<std::string> arguments = {"--listen", launch.host + ":" + launch.grpc_port,
                                        "--http",   launch.host + ":0",
                                        "--state",  state,
                                        "--json",   ports};
  arguments.insert(arguments.end(), more.begin(), more.end());
  pid_ = Spawn(arguments, state + ".log", launch);
  if (!WaitUntil([&] { return ReadFile(ports).ok(); }, kPatience)) {
    ADD_FAILURE() << "no port line; log: " << ReadFile(state + ".log").value_or("");
    return;
  }
  const auto parsed = nlohmann::json::parse(*ReadFile(ports));
  grpc_ = parsed.at("grpc");
  http_ = parsed.at("http");
  EXPECT_EQ(parsed.at("pid"), pid_);
}

SidecarProcess::~SidecarProcess() {
  if (pid_ > 0) Kill();
}

void SidecarProcess::Kill() {
  ::kill(pid_, SIGKILL);
  WaitForExit(pid_);
  pid_ = -1;
}

bool SidecarProcess::WaitForDeath() {
  if (WaitForExit(pid_) < 0) return false;
  pid_ = -1;
  return true;
}

int SidecarProcess::Terminate() {
  ::kill(pid_, SIGTERM);
  const int code = WaitForExit(pid_);
  if (code >= 0) pid_ = -1;
  return code;
}

std::string WaitForMetric(const std::string& address, const std::string& text) {
  std::string metrics;
  WaitUntil(
      [&] {
        metrics = HttpGet(address, "/metrics");
        return metrics.find(text) != std::string::npos;
      },
      kPatience);
  return metrics;
}

}  // namespace sluice::sidecar::testing

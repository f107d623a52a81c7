#include "tests/sidecar/ctl/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "tests/common/wait_until.h"

extern char** environ;

namespace sluice::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};

std::vector<std::string> Environment(std::vector<std::string> variables) {
  for (char** one = environ; *one != nullptr; ++one) {
    if (std::strncmp(*one, "SLUICE_", 7) != 0) variables.emplace_back(*one);
  }
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Appends what comes until `end`. False once there is no more.
bool ReadSome(int fd, Clock::time_point end, std::string* to) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  pollfd wait{fd, POLLIN, 0};
  if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return false;
  char buffer[4096];
  const ssize_t count = ::read(fd, buffer, sizeof(buffer));
  if (count > 0) to->append(buffer, static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, std::vector<std::string> variables,
                 const std::string& out_file) {
  int out[2];
  int err[2];
  EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(err, O_CLOEXEC), 0);
  out_ = FileDescriptor(out[0]);
  err_ = FileDescriptor(err[0]);
  const FileDescriptor out_end(out[1]), err_end(err[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (out_file.empty()) {
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_file.c_str(), O_WRONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<std::string> environment = Environment(std::move(variables));
  EXPECT_EQ(::posix_spawn(&pid_, arguments[0].c_str(), &actions, nullptr,
                          Pointers(arguments).data(), Pointers(environment).data()),
            0)
      << arguments[0];
  posix_spawn_file_actions_destroy(&actions);
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

std::optional<std::string> Program::ReadLine() {
  const auto end = Clock::now() + kPatience;
  while (true) {
    const size_t newline = read_.find('\n');
    if (newline != std::string::npos) {
      const std::string line = read_.substr(0, newline);
      read_.erase(0, newline + 1);
      return line;
    }
    if (!ReadSome(out_.get(), end, &read_)) return std::nullopt;
  }
}

void Program::StopReading() { out_.Close(); }

void Program::Signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

Finished Program::Wait() {
  Finished result;
  const auto end = Clock::now() + kPatience;
  // Outputs are short, so a pipe holds what is not read yet.
  while (out_.is_open() && ReadSome(out_.get(), end, &read_)) {
  }
  while (ReadSome(err_.get(), end, &result.err)) {
  }
  result.out = std::exchange(read_, "");
  int status = 0;
  if (!WaitUntil([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, end - Clock::now())) {
    ADD_FAILURE() << "did not end; said '" << result.err << "'";
    return result;
  }
  pid_ = -1;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::vector<std::string> CtlCommand(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), SLUICE_CTL_BINARY);
  return arguments;
}

Finished RunCtl(std::vector<std::string> arguments, std::vector<std::string> variables) {
  return Program(CtlCommand(std::move(arguments)), std::move(variables)).Wait();
}

}  // namespace sluice::ctl

#include "tests/sidecar/testing/sidecar_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/file.h"
#include "common/host_port.h"

extern char** environ;

namespace sluice::sidecar::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPoll{10};

using Clock = std::chrono::steady_clock;

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice_sidecar_XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

int WaitForExit(pid_t pid) {
  for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(kPoll);
  }
  return -1;
}

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& error_file) {
  std::vector<char*> argv = {const_cast<char*>(SLUICE_SIDECAR_BINARY)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  pid_t pid = -1;
  EXPECT_EQ(::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

SidecarProcess::SidecarProcess(const std::string& state, std::vector<std::string> more) {
  const std::string ports = state + ".ports";
  std::filesystem::remove(ports);
  std::vector<std::string> arguments = {"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
                                        "--state",  state,         "--json", ports};
  arguments.insert(arguments.end(), more.begin(), more.end());
  pid_ = Spawn(arguments, state + ".log");
  for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
    const auto line = ReadFile(ports);
    if (line.ok()) {
      const auto parsed = nlohmann::json::parse(*line);
      grpc_ = parsed.at("grpc");
      http_ = parsed.at("http");
      EXPECT_EQ(parsed.at("pid"), pid_);
      return;
    }
    std::this_thread::sleep_for(kPoll);
  }
  ADD_FAILURE() << "no port line; log: " << ReadFile(state + ".log").value_or("");
}

SidecarProcess::~SidecarProcess() {
  if (pid_ > 0) Kill();
}

void SidecarProcess::Kill() {
  ::kill(pid_, SIGKILL);
  WaitForExit(pid_);
  pid_ = -1;
}

int SidecarProcess::Terminate() {
  ::kill(pid_, SIGTERM);
  const int code = WaitForExit(pid_);
  if (code >= 0) pid_ = -1;
  return code;
}

// Plain sockets: Debian's httplib is built with TLS, which changes the layout of its client.
std::string HttpGet(const std::string& address, const std::string& path) {
  const auto host_port = ParseHostPort(address);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(host_port->port);
  ::inet_pton(AF_INET, host_port->host.c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0 &&
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;) answer.append(buffer, n);
  }
  ::close(fd);
  const size_t body = answer.find("\r\n\r\n");
  if (answer.rfind("HTTP/1.1 200", 0) != 0 || body == std::string::npos) return "";
  return answer.substr(body + 4);
}

}  // namespace sluice::sidecar::testing

#include "sidecar/bench/child.h"

#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/host_port.h"
#include "common/status.h"

extern char** environ;

namespace sluice::sidecar {
namespace {

constexpr std::chrono::seconds kStartPatience{10};

absl::StatusOr<pid_t> Spawn(const std::string& program, std::vector<std::string> arguments,
                            const std::string& log) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  pid_t pid = -1;
  const int code = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return absl::ErrnoToStatus(code, "start a sidecar");
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const std::string& program,
                                                    const std::string& folder,
                                                    const std::string& name,
                                                    std::vector<std::string> arguments) {
  const std::string ports = absl::StrCat(folder, "/", name, ".ports");
  std::vector<std::string> all = {"sluice-sidecar", "--listen", "127.0.0.1:0", "--http",
                                  "127.0.0.1:0",    "--json",   ports};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::unique_ptr<Child> child(new Child());
  SLUICE_ASSIGN_OR_RETURN(child->pid_,
                          Spawn(program, std::move(all), absl::StrCat(folder, "/", name, ".log")));
  const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
  absl::StatusOr<std::string> line = ReadFile(ports);
  while (!line.ok() && std::chrono::steady_clock::now() < deadline && !child->HasEnded()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    line = ReadFile(ports);
  }
  if (!line.ok()) {
    return absl::DeadlineExceededError(absl::StrCat(
        name, " does not listen: ",
        ReadFile(absl::StrCat(folder, "/", name, ".log")).value_or("it says nothing")));
  }
  const auto parsed = nlohmann::json::parse(*line);
  child->grpc_ = parsed.at("grpc");
  child->http_ = parsed.at("http");
  return child;
}

bool Child::HasEnded() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

uint64_t Child::ResidentBytes() const {
  const std::vector<std::string> fields =
      absl::StrSplit(ReadFile(absl::StrCat("/proc/", pid_, "/statm")).value_or(""), ' ');
  uint64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t Child::PeakBytes() const {
  // proc(5): "VmHWM:      1234 kB".
  const std::string text = ReadFile(absl::StrCat("/proc/", pid_, "/status")).value_or("");
  const size_t at = text.find("VmHWM:");
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + 6, nullptr, 10) * 1024;
}

double Child::CpuSeconds() const {
  const std::string text = ReadFile(absl::StrCat("/proc/", pid_, "/stat")).value_or("");
  // Behind the name, which may hold anything: fields 14 and 15 of proc(5) are the 12th and 13th.
  const std::vector<std::string> fields = absl::StrSplit(text.substr(text.rfind(')') + 1), ' ');
  uint64_t user = 0, system = 0;
  if (fields.size() < 14 || !absl::SimpleAtoi(fields[12], &user) ||
      !absl::SimpleAtoi(fields[13], &system)) {
    return 0.0;
  }
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

absl::StatusOr<std::string> Get(const std::string& address, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const HostPort to, ParseHostPort(address));
  httplib::Client client(to.host, to.port);
  client.set_connection_timeout(5);
  client.set_read_timeout(5);
  const httplib::Result result = client.Get(path);
  if (!result || result->status != 200) {
    return absl::UnavailableError(absl::StrCat("no answer of http://", address, path));
  }
  return result->body;
}

}  // namespace sluice::sidecar

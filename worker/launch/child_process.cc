#include "worker/launch/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::launch {
namespace {

using Clock = std::chrono::steady_clock;

// There is no wait for a child's end with a timeout that works everywhere, so Wait looks this
// often.
constexpr std::chrono::milliseconds kLookInterval{5};

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;

  bool Open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    return Take(ends);
  }
  // Writing to a socket whose reader is gone can be told from a signal, which would end us.
  bool OpenSocket() {
    int ends[2];
    return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 && Take(ends);
  }
  bool Take(const int (&ends)[2]) {
    read_end = FileDescriptor(ends[0]);
    write_end = FileDescriptor(ends[1]);
    return true;
  }
};

// The parent's environment with `overrides` in place of the variables of the same names.
std::vector<std::string> MergedEnvironment(const std::vector<std::string>& overrides) {
  const auto name = [](const std::string& entry) { return entry.substr(0, entry.find('=')); };
  std::vector<std::string> merged = overrides;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool replaced = std::any_of(overrides.begin(), overrides.end(), [&](const auto& other) {
      return name(other) == name(*entry);
    });
    if (!replaced) merged.emplace_back(*entry);
  }
  return merged;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What the child needs between fork and exec, made before the fork.
struct ExecPlan {
  char* const* arguments;
  char* const* environment;
  int death_signal;
  sigset_t blocked;
  pid_t parent;
  int stdin_socket;  // -1: inherited; likewise below.
  int stdout_pipe;
  int stderr_file;
  int error_pipe;
};

// Async-signal-safe calls only: another thread of the parent may have held any lock at the fork.
[[noreturn]] void RunChild(const ExecPlan& plan) {
  ::sigprocmask(SIG_SETMASK, &plan.blocked, nullptr);
  // A parent that ended before prctl would never be noticed; then getppid is another process.
  const bool bound = ::prctl(PR_SET_PDEATHSIG, plan.death_signal) == 0;
  if (bound && ::getppid() != plan.parent) ::_exit(127);
  const auto takes = [](int from, int to) { return from < 0 || ::dup2(from, to) >= 0; };
  if (bound && takes(plan.stdin_socket, STDIN_FILENO) && takes(plan.stdout_pipe, STDOUT_FILENO) &&
      takes(plan.stderr_file, STDERR_FILENO)) {
    ::execve(plan.arguments[0], plan.arguments, plan.environment);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(plan.error_pipe, &error, sizeof(error));
  ::_exit(127);
}

// The errno that the child sent, or 0 once exec has closed the pipe.
int ReadError(int fd) {
  int error = 0;
  ssize_t n;
  do {
    n = ::read(fd, &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  return n == sizeof(error) ? error : 0;
}

ExitStatus FromWaitStatus(int status) {
  if (WIFSIGNALED(status)) return {.code = -1, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace

std::string ExitStatus::ToString() const {
  if (signal != 0) {
    return absl::StrCat("was killed by signal ", signal, " (", ::strsignal(signal), ")");
  }
  return absl::StrCat("exited with code ", code);
}

absl::StatusOr<ChildProcess> ChildProcess::Start(const ChildOptions& options) {
  std::vector<std::string> arguments = options.arguments;
  arguments.insert(arguments.begin(), options.program);
  std::vector<std::string> environment = MergedEnvironment(options.environment);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  Pipe errors;
  Pipe output;
  Pipe input;
  if (!errors.Open() || (options.capture_stdout && !output.Open()) ||
      (options.feed_stdin && !input.OpenSocket())) {
    return absl::ErrnoToStatus(errno, "make a pipe");
  }
  FileDescriptor log;
  if (!options.stderr_file.empty()) {
    log = FileDescriptor(
        ::open(options.stderr_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log.is_open()) {
      return absl::ErrnoToStatus(errno, absl::StrCat("open '", options.stderr_file, "'"));
    }
  }
  sigset_t blocked;
  ::sigemptyset(&blocked);
  for (const int signal : options.blocked_signals) ::sigaddset(&blocked, signal);
  const ExecPlan plan{.arguments = argv.data(),
                      .environment = envp.data(),
                      .death_signal = options.parent_death_signal,
                      .blocked = blocked,
                      .parent = ::getpid(),
                      .stdin_socket = input.read_end.get(),
                      .stdout_pipe = output.write_end.get(),
                      .stderr_file = log.get(),
                      .error_pipe = errors.write_end.get()};
  const pid_t pid = ::fork();
  if (pid == 0) RunChild(plan);
  if (pid < 0) return absl::ErrnoToStatus(errno, absl::StrCat("fork '", options.program, "'"));
  ChildProcess child;
  child.pid_ = pid;
  errors.write_end.Close();
  if (const int error = ReadError(errors.read_end.get()); error != 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("execute '", options.program, "'"));
  }
  child.stdin_ = std::move(input.write_end);
  child.stdout_ = std::move(output.read_end);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(ended_, other.ended_);
  std::swap(exit_, other.exit_);
  std::swap(stdin_, other.stdin_);
  std::swap(stdout_, other.stdout_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !ended_) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

absl::Status ChildProcess::Kill(int signal) {
  if (ended_ || ::kill(pid_, signal) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("send signal ", signal, " to process ", pid_));
}

absl::StatusOr<ExitStatus> ChildProcess::Wait(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (!ended_) {
    int status = 0;
    const pid_t waited = ::waitpid(pid_, &status, WNOHANG);
    if (waited == pid_) {
      exit_ = FromWaitStatus(status);
      ended_ = true;
    } else if (waited < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, absl::StrCat("wait for process ", pid_));
    } else if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("process ", pid_, " still runs after ", timeout.count(), " ms"));
    } else {
      std::this_thread::sleep_for(kLookInterval);
    }
  }
  return exit_;
}

absl::StatusOr<ExitStatus> ChildProcess::Terminate(std::chrono::milliseconds grace) {
  if (auto status = Kill(SIGTERM); !status.ok()) return status;
  auto exit = Wait(grace);
  if (!absl::IsDeadlineExceeded(exit.status())) return exit;
  if (auto status = Kill(SIGKILL); !status.ok()) return status;
  return Wait(std::chrono::seconds(10));
}

absl::StatusOr<std::string> ChildProcess::ReadLine(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd poll{.fd = stdout_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
    if (ready == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("process ", pid_, " wrote no line within ", timeout.count(), " ms"));
    }
    char bytes[4096];
    const ssize_t n = ready < 0 ? -1 : ::read(stdout_.get(), bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read from process ", pid_));
    if (n == 0) {
      return absl::UnavailableError(absl::StrCat("process ", pid_, " closed its output"));
    }
    buffer_.append(bytes, static_cast<size_t>(n));
  }
}

absl::Status ChildProcess::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  const ssize_t n = ::send(stdin_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("process ", pid_, " takes no line",
                                             n < 0 ? absl::StrCat(": ", ::strerror(errno)) : ""));
}

}  // namespace sluice::launch

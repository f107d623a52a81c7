// sluice-sidecar: receives gate telemetry, steers thresholds, exports metrics.
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "sidecar/bench/bench.h"
#include "sidecar/daemon/daemon.h"
#include "sidecar/relay/relay_daemon.h"

namespace {

using sluice::sidecar::Daemon;
using sluice::sidecar::DaemonOptions;
using sluice::sidecar::RelayDaemon;

absl::Status ReportPorts(const std::string& line, const std::string& file) {
  if (file == "-") {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  } else if (!file.empty()) {
    SLUICE_RETURN_IF_ERROR(
        sluice::Annotate(sluice::WriteFileAtomically(file, line + "\n"), "json"));
  }
  spdlog::info("listening: {}", line);
  return absl::OkStatus();
}

// The order of an end has a deadline of its own; this is for what is stuck inside of the system, a
// commit on a disk that does not answer for instance.
void EndBy(std::chrono::seconds deadline) {
  std::thread([deadline] {
    std::this_thread::sleep_for(deadline);
    std::fprintf(stderr, "sluice-sidecar: not ended %lld s after the signal, something is stuck\n",
                 static_cast<long long>(deadline.count()));
    std::_Exit(1);
  }).detach();
}

// A sidecar or a relay, until a signal comes.
template <typename Program>
absl::Status Run(const DaemonOptions& options, const sigset_t& signals) {
  SLUICE_ASSIGN_OR_RETURN(const auto daemon, Program::Start(options));
  SLUICE_RETURN_IF_ERROR(ReportPorts(daemon->PortLine(), options.json));
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("signal {}: draining", signal);
  EndBy(std::chrono::seconds(options.stop_seconds + 1));
  daemon->Stop();
  spdlog::info("stopped");
  return absl::OkStatus();
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "sluice-sidecar: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Bench(const std::vector<std::string>& arguments) {
  sluice::sidecar::BenchOptions options;
  const absl::StatusOr<bool> go_on = sluice::sidecar::ParseBenchOptions(arguments, options);
  if (!go_on.ok()) return Fail(go_on.status());
  if (!*go_on) return 0;
  signal(SIGPIPE, SIG_IGN);
  const absl::Status status = sluice::sidecar::RunBench(options, "/proc/self/exe");
  return status.ok() ? 0 : Fail(status);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "bench") {
    return Bench({arguments.begin() + 1, arguments.end()});
  }
  DaemonOptions options;
  const absl::StatusOr<bool> go_on = sluice::sidecar::ParseDaemonOptions(arguments, options);
  if (!go_on.ok()) return Fail(go_on.status());
  if (!*go_on) return 0;
  // Blocked before any thread starts, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  sluice::StartLog("sluice-sidecar", options.log_level);
  const absl::Status status =
      options.relay.on() ? Run<RelayDaemon>(options, signals) : Run<Daemon>(options, signals);
  return status.ok() ? 0 : Fail(status);
}

#include "sidecar/daemon/daemon_options.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/options.h"
#include "common/status.h"
#include "sidecar/policy/breaker_options.h"

namespace sluice::sidecar {
namespace {

void DefinePolicy(OptionSet& set, PolicyOptions& policy, std::string& name, int64_t& window) {
  set.Choice("threshold.policy", &name, {"auto", "ema", "target_rate"},
             "how thresholds follow the scores; auto is target_rate where a gate has a target "
             "rate, else ema");
  set.Integer("threshold.window", &window, 1, 100000, "steps per window");
  set.Number("threshold.alpha", &policy.alpha, 1e-6, 1.0,
             "weight of a new window in the moving averages");
  set.Number("threshold.max_change", &policy.limits.max_change, 1e-6, 1.0,
             "largest change of a threshold per directive");
  set.Number("threshold.target_rate", &policy.target_rate, 0.001, 1.0,
             "activation rate for target_rate at a gate that names none");
  set.Number("guard.low", &policy.limits.guard_low, 0.0, 1.0,
             "smallest activation rate that a policy may aim at");
  set.Number("guard.high", &policy.limits.guard_high, 0.0, 1.0,
             "largest activation rate that a policy may aim at");
  DefineBreakerOptions(set, policy.breaker);
  DefineDormancyOptions(set, policy.dormancy);
}

void DefineOperation(OptionSet& set, DaemonOptions& options) {
  set.Integer("history.windows", &options.policy.history.windows, 16, 100000,
              "newest windows of a run that are kept as they are, and so at each coarser level");
  set.Integer("history.merge", &options.policy.history.merge, 2, 100,
              "older windows that become one");
  set.Integer("history.max_mb", &options.store.max_mb, 1, 1000000,
              "MiB of the state file above which the oldest history and journal are deleted");
  set.Integer("health.stuck_seconds", &options.stuck_seconds, 1, 3600,
              "seconds without a round of the event loop after which /healthz fails");
  set.Integer("stop.seconds", &options.stop_seconds, 1, 3600,
              "seconds after SIGTERM until the program ends whatever is stuck");
}

ThresholdPolicy PolicyOf(const std::string& name) {
  if (name == "ema") return ThresholdPolicy::kEma;
  return name == "target_rate" ? ThresholdPolicy::kTargetRate : ThresholdPolicy::kAuto;
}

// What no single option can say about its own value.
absl::Status CheckTogether(const DaemonOptions& options) {
  SLUICE_RETURN_IF_ERROR(Annotate(ParseHostPort(options.listen).status(), "listen"));
  SLUICE_RETURN_IF_ERROR(Annotate(ParseHostPort(options.http).status(), "http"));
  SLUICE_RETURN_IF_ERROR(CheckAccess(options.access, options.listen));
  const ComposeLimits& limits = options.policy.limits;
  if (limits.guard_low > limits.guard_high) {
    return absl::InvalidArgumentError(absl::StrCat("guard.low is ", limits.guard_low,
                                                   ", expected at most guard.high, which is ",
                                                   limits.guard_high));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> ParseDaemonOptions(const std::vector<std::string>& arguments,
                                        DaemonOptions& options) {
  OptionSet set("sluice-sidecar",
                "Receives gate telemetry, adapts thresholds and exports metrics.");
  set.Text("listen", &options.listen, "address for gRPC, HOST:PORT; port 0 chooses one");
  set.Text("http", &options.http,
           "address for /metrics, /healthz, /readyz and the status page, HOST:PORT");
  set.Text("state", &options.state, "folder that keeps the durable state; a relay has none");
  DefineRelayOptions(set, options.relay);
  set.Text("json", &options.json, "file for one line with the chosen ports; - is standard output");
  set.Choice("log.level", &options.log_level, {"trace", "debug", "info", "warn", "error"},
             "least severe entry that is logged");
  set.Flag("grpc.reflection", &options.reflection, "offer gRPC server reflection");
  DefineAccessOptions(set, options.access);
  std::string policy = "auto";
  auto window = static_cast<int64_t>(options.policy.window);
  DefinePolicy(set, options.policy, policy, window);
  DefineOperation(set, options);
  bool print_config = false;
  set.Action("print-config", &print_config, "print all options as TOML and end");
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, set.Parse(arguments));
  if (!go_on) return false;
  options.policy.policy = PolicyOf(policy);
  options.policy.window = static_cast<uint64_t>(window);
  SLUICE_RETURN_IF_ERROR(CheckTogether(options));
  SLUICE_RETURN_IF_ERROR(CheckRelay(options.relay, set.Changed()));
  if (print_config) std::printf("%s\n", set.ToToml().c_str());
  return !print_config;
}

}  // namespace sluice::sidecar

#include "sidecar/ctl/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/host_port.h"
#include "common/status.h"
#include "sidecar/ctl/argument_checks.h"

namespace sluice::ctl {
namespace {

constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kMax32 = std::numeric_limits<uint32_t>::max();

// The command line as it was written. CLI11 splits it; the values are checked afterwards, so that
// every error has the same form.
struct Texts {
  std::string timeout = "5";
  std::optional<std::string> count, first_step, last_step, limit, layer, threshold;
  // Where these came from, for errors.
  std::string sidecar_origin, timeout_origin;
};

std::string Origin(const std::string& flag, const std::string& variable,
                   const std::vector<std::string>& arguments) {
  const auto given = [&flag](const std::string& argument) {
    return argument == flag || absl::StartsWith(argument, flag + "=");
  };
  return std::any_of(arguments.begin(), arguments.end(), given)
             ? absl::StrCat(" (from flag ", flag, ")")
             : absl::StrCat(" (from environment ", variable, ")");
}

// What is not given stays as it is.
template <typename T>
absl::Status ReadInteger(const std::string& name, const std::optional<std::string>& text, T low,
                         T high, T& value) {
  if (!text.has_value()) return absl::OkStatus();
  T read = 0;
  if (absl::SimpleAtoi(*text, &read) && read >= low && read <= high) {
    value = read;
    return absl::OkStatus();
  }
  return Invalid(name, *text, absl::StrCat("an integer in [", low, ", ", high, "]"));
}

absl::Status ReadNumber(const std::string& name, const std::string& text, double low, double high,
                        double& value) {
  double read = 0.0;
  if (absl::SimpleAtod(text, &read) && std::isfinite(read) && read >= low && read <= high) {
    value = read;
    return absl::OkStatus();
  }
  return Invalid(name, text, absl::StrCat("a number in [", low, ", ", high, "]"));
}

absl::Status Unknown(const std::string& argument, const std::string& command) {
  return absl::InvalidArgumentError(absl::StrCat("argument '", absl::CEscape(argument),
                                                 "' is unknown, expected what ", "'sluicectl ",
                                                 command, " --help' lists"));
}

absl::Status CheckBreaker(const Arguments& result) {
  SLUICE_RETURN_IF_ERROR(CheckAction(result.action, BreakerActions()));
  SLUICE_RETURN_IF_ERROR(CheckRun(result.run));
  if (!result.reason.empty() && result.action != "reset") {
    return Invalid("reason", result.reason, "none: only a reset has one");
  }
  return CheckReason(result.reason);
}

absl::Status CheckWorker(const Arguments& result) {
  SLUICE_RETURN_IF_ERROR(CheckAction(result.action, WorkerActions()));
  const std::string place = "HOST:PORT as the worker's log and run.folder/service.rank0 name it";
  if (result.worker.empty()) return Missing("ADDRESS", place);
  const absl::StatusOr<HostPort> address = ParseHostPort(result.worker);
  if (!address.ok() || address->port == 0) return Invalid("ADDRESS", result.worker, place);
  if (!result.reason.empty() && result.action != "pause") {
    return Invalid("reason", result.reason, "none: only a pause has one");
  }
  if (result.action == "ingest") {
    return result.paths.empty() ? Missing("PATH", "an image, or a folder of images")
                                : absl::OkStatus();
  }
  if (!result.paths.empty()) return Unknown(result.paths.front(), result.command);
  if (!result.class_name.empty()) {
    return Invalid("class", result.class_name, "none: only ingest has one");
  }
  return CheckReason(result.reason);
}

absl::Status CheckSetThreshold(const Texts& texts, Arguments& result) {
  if (!texts.layer.has_value())
    return Missing("layer", "--layer N as 'sluicectl get RUN' shows it");
  if (!texts.threshold.has_value()) return Missing("threshold", "--threshold X in [0, 1]");
  SLUICE_RETURN_IF_ERROR(ReadInteger("layer", texts.layer, 1u, kMax32, result.layer));
  SLUICE_RETURN_IF_ERROR(ReadNumber("threshold", *texts.threshold, 0.0, 1.0, result.threshold));
  return CheckReason(result.reason);
}

absl::Status CheckHistory(const Texts& texts, Arguments& result) {
  SLUICE_RETURN_IF_ERROR(
      ReadInteger("first_step", texts.first_step, uint64_t{0}, kMax64, result.first_step));
  SLUICE_RETURN_IF_ERROR(
      ReadInteger("last_step", texts.last_step, uint64_t{0}, kMax64, result.last_step));
  SLUICE_RETURN_IF_ERROR(ReadInteger("limit", texts.limit, 1u, kMax32, result.limit));
  if (result.last_step == 0 || result.first_step <= result.last_step) return absl::OkStatus();
  return Invalid("first_step", *texts.first_step,
                 absl::StrCat("at most last_step, which is ", result.last_step));
}

absl::Status CheckShared(const Texts& texts, Arguments& result) {
  const absl::StatusOr<HostPort> address = ParseHostPort(result.sidecar);
  // `worker` asks no sidecar; where it is used, SLUICE_SIDECAR may be the worker's own `spawn`.
  if (result.command != "worker" && (!address.ok() || address->port == 0)) {
    return Invalid("sidecar", result.sidecar,
                   "HOST:PORT with a port from 1 to 65535" + texts.sidecar_origin);
  }
  double seconds = 0.0;
  if (!ReadNumber("timeout", texts.timeout, 0.001, 86400.0, seconds).ok()) {
    return Invalid("timeout", texts.timeout,
                   "a number of seconds in [0.001, 86400]" + texts.timeout_origin);
  }
  result.timeout = std::chrono::milliseconds(std::llround(seconds * 1000.0));
  return absl::OkStatus();
}

absl::Status CheckAll(const Texts& texts, const std::vector<std::string>& left, Arguments& result) {
  if (result.command.empty()) {
    const std::string expected = "expected one of " + absl::StrJoin(CommandNames(), ", ");
    return absl::InvalidArgumentError(
        left.empty()
            ? absl::StrCat("the command is missing, ", expected, "; see sluicectl --help")
            : absl::StrCat("command '", absl::CEscape(left.front()), "' is unknown, ", expected));
  }
  if (!left.empty()) {
    return Unknown(left.front(), result.command);
  }
  SLUICE_RETURN_IF_ERROR(CheckShared(texts, result));
  if (result.command == "runs") return absl::OkStatus();
  if (result.command == "storage") return CheckAction(result.action, StorageActions());
  if (result.command == "worker") return CheckWorker(result);
  if (result.command == "breaker") return CheckBreaker(result);
  SLUICE_RETURN_IF_ERROR(CheckRun(result.run));
  if (result.command == "history" || result.command == "journal") {
    return CheckHistory(texts, result);
  }
  if (result.command == "set-threshold") return CheckSetThreshold(texts, result);
  return ReadInteger("count", texts.count, uint64_t{1}, kMax64, result.count);
}

void DefineShared(CLI::App& app, Texts& texts, Arguments& result) {
  app.set_version_flag("--version", "sluicectl " SLUICE_VERSION, "Print the version and exit");
  app.add_option("--sidecar", result.sidecar, "address of the sidecar, HOST:PORT")
      ->envname("SLUICE_SIDECAR")
      ->capture_default_str();
  app.add_option("--timeout", texts.timeout, "seconds to wait for an answer")
      ->envname("SLUICE_TIMEOUT")
      ->capture_default_str();
  const auto file = [&app](const char* flag, const char* variable, std::string* value,
                           const char* help) {
    app.add_option(flag, *value, help)->envname(variable);
  };
  file("--tls-ca", "SLUICE_CLIENT_CA", &result.tls.ca,
       "authorities in PEM of the other side's certificate; without it there is no TLS");
  file("--tls-cert", "SLUICE_CLIENT_CERT", &result.tls.cert, "certificate in PEM to show to it");
  file("--tls-key", "SLUICE_CLIENT_KEY", &result.tls.key, "its private key in PEM");
  file("--tls-name", "SLUICE_CLIENT_NAME", &result.tls.name,
       "name that the other side's certificate must have, if not the host that is called");
  file("--token-file", "SLUICE_CLIENT_TOKEN_FILE", &result.tls.token_file,
       "file with a token to send along");
  app.add_flag("--json", result.json, "print JSON, one object per line");
}

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& help,
                     std::string* run) {
  CLI::App* const command = app.add_subcommand(name, help);
  // Options of every command may follow its name as well; what is left over is looked at later.
  command->fallthrough()->allow_extras();
  command->footer("--sidecar, --timeout and --json work with every command: sluicectl --help");
  if (run != nullptr) command->add_option("RUN", *run, "name of the run");
  return command;
}

void AddStepRange(CLI::App* command, Texts& texts) {
  command->add_option("--first_step", texts.first_step, "first step, inclusive");
  command->add_option("--last_step", texts.last_step, "last step, inclusive");
}

void DefineJournal(CLI::App& app, Texts& texts, Arguments& result) {
  CLI::App* const journal =
      AddCommand(app, "journal", "print a run's decisions, oldest first", &result.run);
  AddStepRange(journal, texts);
  journal->add_option("--limit", texts.limit, "at most so many decisions, the oldest");
  journal->add_flag("--replay", result.replay, "run the policies on their inputs once more");
}

void DefineStorage(CLI::App& app, Arguments& result) {
  CLI::App* const storage =
      AddCommand(app, "storage",
                 "show the sidecar's durable state, or end the alarm of a damaged one", nullptr);
  storage->add_option("ACTION", result.action, absl::StrJoin(StorageActions(), ", "));
}

void DefineCommands(CLI::App& app, Texts& texts, Arguments& result) {
  AddCommand(app, "runs", "list the runs that the sidecar knows, newest activity first", nullptr);
  AddCommand(app, "get", "show one run in full", &result.run);
  CLI::App* const watch = AddCommand(app, "watch",
                                     "show a run until it ends: in place on a terminal, else a "
                                     "line per closed window or directive",
                                     &result.run);
  watch->add_option("--count", texts.count, "end after so many updates");
  CLI::App* const history =
      AddCommand(app, "history", "print a run's windows, oldest first", &result.run);
  AddStepRange(history, texts);
  history->add_option("--limit", texts.limit, "at most so many windows, the newest (1000)");
  DefineJournal(app, texts, result);
  DefineStorage(app, result);
  CLI::App* const set =
      AddCommand(app, "set-threshold",
                 "set one gate layer's threshold, which the policies go on from", &result.run);
  set->add_option("--layer", texts.layer, "block after which the gate stands, from 1");
  set->add_option("--threshold", texts.threshold, "threshold, in [0, 1]; higher opens less");
  set->add_option("--reason", result.reason, "why, for the journal; at most 256 bytes");
  CLI::App* const breaker = AddCommand(
      app, "breaker", "show a run's forgetting breaker, or take it back to level 0", nullptr);
  breaker->add_option("ACTION", result.action, absl::StrJoin(BreakerActions(), ", "));
  breaker->add_option("RUN", result.run, "name of the run");
  breaker->add_option("--reason", result.reason, "reset: why, for the journal; at most 256 bytes");
  CLI::App* const worker =
      AddCommand(app, "worker",
                 "ask a rank's own service; what it is told, all ranks of the run obey", nullptr);
  worker->add_option("ACTION", result.action, absl::StrJoin(WorkerActions(), ", "));
  worker->add_option("ADDRESS", result.worker, "HOST:PORT of the rank's service");
  worker->add_option("PATH", result.paths,
                     "ingest: images, or folders of images; without --class a folder per class");
  worker->add_option("--class", result.class_name, "ingest: class of all of these images");
  worker->add_option("--reason", result.reason, "pause: why, for the log; at most 256 bytes");
}

}  // namespace

const std::vector<std::string>& CommandNames() {
  static const auto* const names =
      new std::vector<std::string>{"runs",          "get",     "watch",   "history", "journal",
                                   "set-threshold", "breaker", "storage", "worker"};
  return *names;
}

const std::vector<std::string>& BreakerActions() {
  static const auto* const actions = new std::vector<std::string>{"show", "reset"};
  return *actions;
}

const std::vector<std::string>& StorageActions() {
  static const auto* const actions = new std::vector<std::string>{"show", "acknowledge"};
  return *actions;
}

const std::vector<std::string>& WorkerActions() {
  static const auto* const actions =
      new std::vector<std::string>{"status", "pause", "resume", "checkpoint", "drain", "ingest"};
  return *actions;
}

absl::StatusOr<bool> ParseArguments(const std::vector<std::string>& arguments, Arguments& result) {
  CLI::App app("Looks at the runs of a sluice-sidecar and steers them by hand.", "sluicectl");
  Texts texts;
  texts.sidecar_origin = Origin("--sidecar", "SLUICE_SIDECAR", arguments);
  texts.timeout_origin = Origin("--timeout", "SLUICE_TIMEOUT", arguments);
  app.allow_extras()->require_subcommand(0, 1);
  DefineShared(app, texts, result);
  DefineCommands(app, texts, result);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 expects it.
    app.parse(std::move(reversed));
  } catch (const CLI::Success& done) {
    app.exit(done);
    return false;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  for (const CLI::App* command : app.get_subcommands()) result.command = command->get_name();
  SLUICE_RETURN_IF_ERROR(CheckAll(texts, app.remaining(true), result));
  return true;
}

}  // namespace sluice::ctl

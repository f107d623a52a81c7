#include "worker/launch/sidecar_process.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::launch {
namespace {

// One address of the line that the sidecar prints.
absl::StatusOr<HostPort> AddressIn(const nlohmann::json& line, const char* key) {
  if (!line.is_object() || !line.contains(key) || !line[key].is_string()) {
    return absl::InternalError(absl::StrCat("has no address '", key, "'"));
  }
  return ParseHostPort(line[key].get<std::string>());
}

}  // namespace

SidecarProcess::SidecarProcess(ChildProcess process, HostPort grpc, HostPort http)
    : process_(std::move(process)), grpc_(std::move(grpc)), http_(std::move(http)) {}

absl::StatusOr<SidecarProcess> SidecarProcess::Start(const SidecarOptions& options) {
  ChildOptions child{.program = options.program,
                     .arguments = {"--listen", options.listen, "--http", "127.0.0.1:0", "--state",
                                   options.state, "--json", "-"},
                     .environment = {},
                     .capture_stdout = true,
                     .stderr_file = options.log};
  child.arguments.insert(child.arguments.end(), options.arguments.begin(), options.arguments.end());
  if (child.program.empty()) {
    SLUICE_ASSIGN_OR_RETURN(child.program, SiblingProgram("sluice-sidecar"));
  }
  SLUICE_ASSIGN_OR_RETURN(ChildProcess process, ChildProcess::Start(child));
  const auto line = process.ReadLine(options.start_timeout);
  SLUICE_RETURN_IF_ERROR(
      Annotate(line.status(), absl::StrCat("sidecar '", child.program, "' did not start")));
  const auto parsed = nlohmann::json::parse(*line, nullptr, false);
  const std::string context = absl::StrCat("sidecar's first line '", *line, "'");
  const auto grpc = AddressIn(parsed, "grpc");
  SLUICE_RETURN_IF_ERROR(Annotate(grpc.status(), context));
  const auto http = AddressIn(parsed, "http");
  SLUICE_RETURN_IF_ERROR(Annotate(http.status(), context));
  return SidecarProcess(std::move(process), *grpc, *http);
}

absl::Status SidecarProcess::Stop(std::chrono::milliseconds grace) {
  SLUICE_ASSIGN_OR_RETURN(const ExitStatus exit, process_.Terminate(grace));
  if (exit.ok()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("the sidecar (process ", process_.pid(), ") ", exit.ToString()));
}

absl::StatusOr<std::string> SiblingProgram(const std::string& name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::ErrnoToStatus(error.value(), "read /proc/self/exe");
  return (self.parent_path() / name).string();
}

}  // namespace sluice::launch

#include "sidecar/ctl/worker_format.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {
namespace {

std::string PhaseName(v1::Phase phase) {
  const std::string name = v1::Phase_Name(phase);
  return name.empty() ? absl::StrCat(static_cast<int>(phase))
                      : absl::AsciiStrToLower(absl::StripPrefix(name, "PHASE_"));
}

}  // namespace

std::string WorkerText(const v1::GetStatusResponse& status) {
  return KeyValues({{"run", OneLine(status.run())},
                    {"rank", absl::StrCat(status.rank(), " of ", status.world_size())},
                    {"phase", PhaseName(status.phase())},
                    {"step", absl::StrCat(status.step(), " of ", status.total_steps())},
                    {"directive", absl::StrCat(status.directive_version())},
                    {"checkpoint", status.checkpoint().empty() ? std::string("none")
                                                               : OneLine(status.checkpoint())}});
}

std::string WorkerText(const v1::PauseResponse& response) {
  return absl::StrCat("paused after step ", response.step(), "\n");
}

std::string WorkerText(const v1::ResumeResponse& response) {
  return absl::StrCat("goes on with step ", response.step(), "\n");
}

std::string WorkerText(const v1::SaveCheckpointResponse& response) {
  return absl::StrCat("saved ", OneLine(response.name()), " after step ", response.step(), "\n");
}

std::string WorkerText(const v1::DrainResponse& response) {
  return absl::StrCat("ends after step ", response.last_step(), "\n");
}

}  // namespace sluice::ctl

#include "sidecar/ctl/worker_format.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

std::string IngestStatusName(v1::IngestStatus status) {
  const std::string name = v1::IngestStatus_Name(status);
  return name.empty() ? absl::StrCat(static_cast<int>(status))
                      : absl::AsciiStrToLower(absl::StripPrefix(name, "INGEST_STATUS_"));
}

std::string WorkerText(const v1::GetStatusResponse& status) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"run", OneLine(status.run())},
      {"rank", absl::StrCat(status.rank(), " of ", status.world_size())},
      {"phase", PhaseName(status.phase())},
      {"step", absl::StrCat(status.step(), " of ", status.total_steps())},
      {"directive", absl::StrCat(status.directive_version())},
      {"checkpoint",
       status.checkpoint().empty() ? std::string("none") : OneLine(status.checkpoint())}};
  if (!status.has_ingest()) return KeyValues(lines);
  const v1::IngestState& ingest = status.ingest();
  lines.emplace_back(
      "ingested", absl::StrCat(ingest.images(), " of at most ", ingest.most_images(), " images, ",
                               ingest.bytes(), " of at most ", ingest.most_bytes(), " bytes; ",
                               ingest.epoch_images(), " in epoch ", ingest.epoch()));
  std::vector<std::string> answers;
  for (const v1::IngestCount& count : ingest.answers())
    answers.push_back(absl::StrCat(IngestStatusName(count.status()), " ", count.images()));
  lines.emplace_back("answers", answers.empty() ? "none" : absl::StrJoin(answers, ", "));
  return KeyValues(lines);
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

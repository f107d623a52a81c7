#include "sidecar/bench/fleet.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

double Rise(uint64_t before, uint64_t after, uint64_t parts) {
  return (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(parts);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Fleet>> Fleet::Start(const BenchOptions& options,
                                                    const std::string& program) {
  std::unique_ptr<Fleet> fleet(new Fleet());
  fleet->folder_ = options.folder;
  if (fleet->folder_.empty()) {
    std::string name = std::filesystem::temp_directory_path() / "sluice-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return absl::ErrnoToStatus(errno, name);
    fleet->folder_ = name;
    fleet->temporary_ = true;
  }
  SLUICE_RETURN_IF_ERROR(fleet->StartSidecar(options, program));
  SLUICE_RETURN_IF_ERROR(fleet->StartRelays(options, program));
  return fleet;
}

Fleet::~Fleet() {
  relays_.clear();
  sidecar_.reset();
  if (temporary_) std::filesystem::remove_all(folder_);
}

absl::Status Fleet::StartSidecar(const BenchOptions& options, const std::string& program) {
  address_ = options.target;
  if (!address_.empty()) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(sidecar_, Child::Start(program, folder_, "sidecar",
                                                 {"--state", folder_ + "/state", "--log.level",
                                                  "warn", "--limits.messages-per-second", "1e9"}));
  address_ = sidecar_->grpc();
  before_ = sidecar_->ResidentBytes();
  return absl::OkStatus();
}

absl::Status Fleet::StartRelays(const BenchOptions& options, const std::string& program) {
  for (int64_t i = 0; i < options.relay_processes; ++i) {
    SLUICE_ASSIGN_OR_RETURN(auto relay, Child::Start(program, folder_, absl::StrCat("relay", i),
                                                     {"--relay", address_, "--log.level", "warn",
                                                      "--limits.messages-per-second", "1e9"}));
    relays_before_.push_back(relay->ResidentBytes());
    relays_.push_back(std::move(relay));
  }
  return absl::OkStatus();
}

std::string Fleet::Scrape() const {
  return sidecar_ == nullptr ? "" : Get(sidecar_->http(), "/metrics").value_or("");
}

void Fleet::ReportStreams(uint64_t streams, Report& report) const {
  if (sidecar_ == nullptr) return;
  report.Add("memory_per_stream_bytes", Rise(before_, sidecar_->ResidentBytes(), streams));
}

void Fleet::ReportPeaks(uint64_t ranks, const std::vector<uint64_t>& ranks_of_relay,
                        Report& report) const {
  if (sidecar_ != nullptr) {
    const uint64_t peak = sidecar_->PeakBytes();
    report.Add("sidecar_peak_bytes", static_cast<double>(peak));
    report.Add("memory_per_rank_bytes", Rise(before_, peak, ranks));
  }
  uint64_t largest = 0;
  double rise = 0.0;
  for (size_t i = 0; i < relays_.size(); ++i) {
    const uint64_t peak = relays_[i]->PeakBytes();
    largest = std::max(largest, peak);
    rise = std::max(rise, Rise(relays_before_[i], peak, ranks_of_relay[i]));
  }
  if (relays_.empty()) return;
  report.Add("relay_peak_bytes", static_cast<double>(largest));
  report.Add("relay_memory_per_rank_bytes", rise);
}

absl::Status Fleet::CheckMerged(const std::string& run, Report& report) const {
  uint64_t merged = 0;
  for (const auto& relay : relays_) {
    SLUICE_ASSIGN_OR_RETURN(const std::string scrape, Get(relay->http(), "/metrics"));
    merged += SampleOf(scrape, "sluice_relay_merged_total");
  }
  if (!relays_.empty()) report.Add("relays_merged", static_cast<double>(merged));
  if (sidecar_ == nullptr) return absl::OkStatus();
  const uint64_t ledger =
      SampleOf(Scrape(), absl::StrCat("sluice_telemetry_coalesced_total{run=\"", run, "\"}"));
  if (ledger == merged) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the ledger has ", ledger, " merged snapshots, the relays have merged ", merged));
}

uint64_t SampleOf(const std::string& scrape, const std::string& name) {
  const std::string line = absl::StrCat("\n", name, " ");
  const size_t at = scrape.find(line);
  if (at == std::string::npos) return 0;
  return static_cast<uint64_t>(std::strtod(scrape.c_str() + at + line.size(), nullptr));
}

}  // namespace sluice::sidecar

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/bench/bench_options.h"
#include "sidecar/bench/child.h"
#include "sidecar/bench/report.h"

namespace sluice::sidecar {

// The processes that a bench measures: a sidecar, unless there is a target, and relays before it.
// All end with this, and a temporary folder goes.
class Fleet {
 public:
  static absl::StatusOr<std::unique_ptr<Fleet>> Start(const BenchOptions& options,
                                                      const std::string& program);
  ~Fleet();

  // HOST:PORT of the sidecar's gRPC.
  const std::string& address() const { return address_; }
  // Null if the sidecar is the target.
  const Child* sidecar() const { return sidecar_.get(); }
  const std::vector<std::unique_ptr<Child>>& relays() const { return relays_; }
  // Text of the sidecar's /metrics; "" of a target.
  std::string Scrape() const;

  // Adds the rise of the sidecar's resident memory since the start, for each of `streams`.
  void ReportStreams(uint64_t streams, Report& report) const;
  // Adds the most that the sidecar and the largest relay had, and its rise since the start for each
  // rank; `ranks_of_relay`: of those processes, in order.
  void ReportPeaks(uint64_t ranks, const std::vector<uint64_t>& ranks_of_relay,
                   Report& report) const;
  // Snapshots of `run` that the relays say that they have merged away are those of which the
  // sidecar's ledger says it; FAILED_PRECONDITION if they are not, OK of a target.
  absl::Status CheckMerged(const std::string& run, Report& report) const;

 private:
  Fleet() = default;
  absl::Status StartSidecar(const BenchOptions& options, const std::string& program);
  absl::Status StartRelays(const BenchOptions& options, const std::string& program);

  std::string folder_;
  bool temporary_ = false;
  std::string address_;
  std::unique_ptr<Child> sidecar_;
  std::vector<std::unique_ptr<Child>> relays_;
  uint64_t before_ = 0;  // Resident bytes of the sidecar at the start, and of each relay:
  std::vector<uint64_t> relays_before_;
};

// Value of the sample of this name (labels and all) in the text of a scrape; 0 if it has none.
uint64_t SampleOf(const std::string& scrape, const std::string& name);

}  // namespace sluice::sidecar

#include "sidecar/metrics/view_metrics.h"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "sidecar/metrics/disk_metrics.h"
#include "sidecar/metrics/gate_metrics.h"
#include "sidecar/metrics/health_metrics.h"
#include "sidecar/metrics/run_metrics.h"

namespace sluice::sidecar {

namespace {

void AddCommitTimes(const CommitTimes& times, FamilyBuilder& families) {
  families.Histogram("sluice_commit_seconds", "Time of a commit of the sidecar's state to disk.");
  std::vector<double> uppers;
  for (size_t i = 0; i < CommitTimes::kBins; ++i) uppers.push_back(CommitTimes::UpperSeconds(i));
  families.AddHistogram({}, uppers, {times.bins.begin(), times.bins.end()}, times.sum_seconds,
                        true);
}

}  // namespace

std::vector<prometheus::MetricFamily> MetricsOf(const View& view) {
  FamilyBuilder families;
  AddRunMetrics(view, families);
  AddSampleMetrics(view, families);
  AddGateMetrics(view, families);
  AddHealthMetrics(view, families);
  families.Gauge("sluice_build_info", "Always 1; the label names the sidecar's version.");
  families.Add({{"version", SLUICE_VERSION}}, 1.0);
  families.Counter("sluice_rejected_total",
                   "Messages, streams and calls that were refused, by reason.");
  for (const auto& [reason, count] : view.rejected) {
    families.Add({{"reason", reason}}, static_cast<double>(count));
  }
  families.Counter("sluice_commit_failures_total",
                   "Commits of the sidecar's state that failed and were tried again.");
  families.Add({}, static_cast<double>(view.commit_failures));
  AddCommitTimes(view.commit_times, families);
  uint64_t alarms = 0;
  for (const QuarantineView& quarantine : view.storage.quarantines) {
    alarms += quarantine.acknowledged ? 0 : 1;
  }
  families.Gauge("sluice_state_quarantined",
                 "Damaged state files that were set aside and not acknowledged yet.");
  families.Add({}, static_cast<double>(alarms));
  families.Gauge("sluice_state_writable",
                 "1 while commits of the sidecar's state succeed, else 0.");
  families.Add({}, view.storage.writable ? 1.0 : 0.0);
  families.Gauge("sluice_state_bytes", "Bytes of the sidecar's state file that hold something.");
  families.Add({}, static_cast<double>(view.storage.bytes));
  return families.Take();
}

std::vector<prometheus::MetricFamily> ViewCollectable::Collect() const {
  View view = *hub_->Get();
  // Their names differ from the engine's.
  if (tally_ != nullptr) view.rejected.merge(tally_->Counts());
  std::vector<prometheus::MetricFamily> families = MetricsOf(view);
  FamilyBuilder disk;
  AddDiskMetrics(state_, disk);
  for (prometheus::MetricFamily& family : disk.Take()) families.push_back(std::move(family));
  return families;
}

std::string ViewCollectable::Text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Collect());
  return out.str();
}

}  // namespace sluice::sidecar

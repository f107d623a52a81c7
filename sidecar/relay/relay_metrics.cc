#include "sidecar/relay/relay_metrics.h"

#include "sidecar/metrics/families.h"

namespace sluice::sidecar {

std::vector<prometheus::MetricFamily> RelayMetrics(
    const RelayStats& stats, const std::map<std::string, uint64_t>& rejected) {
  FamilyBuilder families;
  const auto gauge = [&families](const char* name, const char* help, uint64_t value) {
    families.Gauge(name, help);
    families.Add({}, static_cast<double>(value));
  };
  const auto counter = [&families](const char* name, const char* help, uint64_t value) {
    families.Counter(name, help);
    families.Add({}, static_cast<double>(value));
  };
  gauge("sluice_relay_ranks", "Streams of ranks that are up.", stats.ranks);
  gauge("sluice_relay_upstream_up", "1 while the stream to the upstream sidecar is up, else 0.",
        stats.connected ? 1 : 0);
  gauge("sluice_relay_waiting_bytes", "Bytes of messages that wait to be sent upstream.",
        stats.waiting_bytes);
  counter("sluice_relay_messages_total", "Messages taken from ranks.", stats.messages);
  counter("sluice_relay_forwarded_total", "Messages sent upstream.", stats.forwarded);
  counter("sluice_relay_merged_total", "Snapshots that gave way to a newer one.", stats.merged);
  counter("sluice_relay_reconnects_total", "Streams to the upstream sidecar that were lost.",
          stats.reconnects);
  families.Gauge("sluice_build_info", "Always 1; the label names the sidecar's version.");
  families.Add({{"version", SLUICE_VERSION}}, 1.0);
  families.Counter("sluice_rejected_total",
                   "Messages, streams and calls that were refused, by reason.");
  for (const auto& [reason, count] : rejected) {
    families.Add({{"reason", reason}}, static_cast<double>(count));
  }
  return families.Take();
}

}  // namespace sluice::sidecar

#include "sidecar/bench/bench_options.h"

#include "common/host_port.h"
#include "common/options.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

absl::Status CheckTogether(const BenchOptions& options) {
  if (!options.target.empty()) {
    SLUICE_RETURN_IF_ERROR(Annotate(ParseHostPort(options.target).status(), "target"));
    if (options.scrapers > 0) {
      return absl::InvalidArgumentError(
          "scrapers need a sidecar that is started here: leave target out");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> ParseBenchOptions(const std::vector<std::string>& arguments,
                                       BenchOptions& options) {
  OptionSet set("sluice-sidecar bench",
                "Measures a sidecar under simulated ranks with real streams over loopback.");
  set.Choice("what", &options.what, {"stream", "merge"},
             "streams end to end, or merging in memory alone");
  set.Text("target", &options.target,
           "gRPC address of a sidecar without TLS; without, one is started");
  set.Integer("ranks", &options.ranks, 1, 4096,
              "simulated ranks, all of one run, with a stream each");
  set.Number("rate", &options.rate, 0.0, 1e7, "snapshots per second of all ranks; 0: most");
  set.Number("seconds", &options.seconds, 0.5, 3600.0, "how long");
  set.Integer("in-flight", &options.in_flight, 1, 4096,
              "messages of a rank that may wait for their acknowledgement");
  set.Integer("scrapers", &options.scrapers, 0, 1000,
              "scrapers at one byte per second, and a healthy one beside them");
  set.Text("folder", &options.folder, "for the state of the sidecar; without, a temporary one");
  set.Text("json", &options.json, "file for the figures; - is standard output");
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, set.Parse(arguments));
  if (!go_on) return false;
  SLUICE_RETURN_IF_ERROR(CheckTogether(options));
  return true;
}

}  // namespace sluice::sidecar

#include "sidecar/bench/bench_options.h"

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/options.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

constexpr int64_t kMostStreams = 4096;  // A sidecar's default of limits.streams-per-peer.
constexpr int64_t kMostLanes = 1024;    // And of limits.lanes.

absl::Status Wrong(const std::string& name, int64_t value, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, ", expected ", expected));
}

absl::Status CheckRelays(const BenchOptions& options) {
  if (options.relays == 0 && options.ranks > kMostStreams) {
    return Wrong("ranks", options.ranks, absl::StrCat("at most ", kMostStreams, " without relays"));
  }
  if (options.relays > options.ranks) {
    return Wrong("relays", options.relays, absl::StrCat("at most ranks, which is ", options.ranks));
  }
  if (options.relays > 0 && options.relays * kMostLanes < options.ranks) {
    return Wrong("relays", options.relays,
                 absl::StrCat("one for ", kMostLanes, " of the ", options.ranks, " ranks at most"));
  }
  if (options.relay_processes > options.relays) {
    return Wrong("relay-processes", options.relay_processes,
                 absl::StrCat("at most relays, which is ", options.relays));
  }
  return absl::OkStatus();
}

// Merging in memory has nothing of what streams have.
absl::Status CheckMerge(const BenchOptions& options) {
  BenchOptions heard;
  heard.what = options.what;
  heard.ranks = options.ranks;
  heard.seconds = options.seconds;
  heard.json = options.json;
  if (options == heard) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "what is merge, expected no other options with it than ranks, seconds and json");
}

absl::Status CheckTogether(const BenchOptions& options) {
  if (options.what == "merge") return CheckMerge(options);
  SLUICE_RETURN_IF_ERROR(CheckRelays(options));
  if (options.target.empty()) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(Annotate(ParseHostPort(options.target).status(), "target"));
  if (options.scrapers == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "scrapers need a sidecar that is started here: leave target out");
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
  set.Integer("ranks", &options.ranks, 1, 100000,
              "simulated ranks, all of one run, with a stream each; above 4096 with relays only");
  set.Integer("relays", &options.relays, 0, 4096,
              "streams of relays that the ranks are dealt over; 0: none");
  set.Integer("relay-processes", &options.relay_processes, 0, 64,
              "relays of those that are real processes; the others are simulated");
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

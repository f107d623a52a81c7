#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/counters.h"
#include "common/directive.h"

namespace sluice::telemetry {

// One gate at the start of a run, as GateLayer in proto/sluice/v1/telemetry.proto.
struct GateDescription {
  uint32_t layer = 0;
  std::string scorer{};
  std::string policy{};
  double threshold = 0.0;
  double target_rate = 0.0;
};

// Who speaks, from where the run starts, and how patient the publisher is.
struct PublisherConfig {
  // Sidecar's "HOST:PORT". Empty: telemetry is off and every call does nothing.
  std::string address{};
  // Identity; see proto/sluice/v1/identity.proto. `incarnation` 0 is replaced by the time.
  std::string run{};
  std::string instance{};
  uint32_t rank = 0;
  uint32_t world_size = 1;
  uint32_t generation = 0;
  uint64_t incarnation = 0;
  // At most kMaxGateLayers; empty when the run is dense.
  std::vector<GateDescription> gates{};
  uint64_t start_step = 0;
  Counters start_counters{};
  // Directive in force at the start, if there is one.
  std::optional<Directive> in_force{};

  // Without an acknowledgement for this long while something waits for one, the stream is renewed.
  double stall_seconds = 10.0;
  // Snapshots between the training thread and the publisher's thread.
  uint32_t ring_capacity = 256;
  // Snapshots kept until they are acknowledged; when there are more, they coalesce.
  uint32_t max_snapshots = 256;
  // Events kept until they are acknowledged; more are dropped and counted.
  uint32_t max_events = 256;
  // Messages written and not yet acknowledged.
  uint32_t max_in_flight = 64;
  // How often the ring is looked at. Each look costs about as much as a message: at 50 ms the
  // thread took 0.22 % of a step of 0.1 s, at 500 ms 0.09 %.
  std::chrono::milliseconds poll_interval{500};
  // First and longest pause before a reconnect; it doubles in between, and each is drawn from
  // [half of it, all of it].
  std::chrono::milliseconds backoff_first{200};
  std::chrono::milliseconds backoff_longest{5000};
};

// What the publisher did so far.
struct PublisherStats {
  // Snapshots: offered = accepted + dropped by the ring; coalesced_later were merged afterwards,
  // while they waited to be sent.
  uint64_t snapshots_offered = 0;
  uint64_t snapshots_accepted = 0;
  uint64_t snapshots_dropped = 0;
  uint64_t snapshots_coalesced_later = 0;
  uint64_t events_dropped = 0;
  // Messages written, and how many of them were written before.
  uint64_t messages_sent = 0;
  uint64_t messages_resent = 0;
  uint64_t messages_refused = 0;
  // Messages that wait to be sent or acknowledged.
  uint64_t messages_waiting = 0;
  // Highest seq that the sidecar called durable.
  uint64_t durable_seq = 0;
  // Streams that ended or were given up, and those that the watchdog gave up.
  uint64_t reconnects = 0;
  uint64_t stalls = 0;
  uint64_t directives_accepted = 0;
  uint64_t directives_repeated = 0;
  uint64_t directives_refused = 0;
  // True between HelloReply and the stream's end.
  bool connected = false;
  // Processor time that the publisher's thread has used; gRPC's own threads are not in it.
  double cpu_seconds = 0.0;
};

}  // namespace sluice::telemetry

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/directive.h"
#include "common/snapshot.h"
#include "sidecar/policy/dormancy.h"
#include "sidecar/policy/probe.h"

// Plain forms of what a rank says; fields and units as in proto/sluice/v1/telemetry.proto. What is
// here has passed the checks of sidecar/wire.
namespace sluice::sidecar {

struct Identity {
  std::string run;
  uint64_t lease_epoch = 0;
  uint32_t generation = 0;
  uint32_t rank = 0;
  uint64_t incarnation = 0;
  uint64_t seq = 0;
  // A relay merged the messages from this seq up to `seq` into one; 0: it stands for itself.
  uint64_t first_seq = {};

  uint64_t first() const { return first_seq == 0 ? seq : first_seq; }
};

struct GateLayer {
  uint32_t layer = 0;
  std::string scorer;
  std::string policy;
  double threshold = 0.0;
  double target_rate = 0.0;

  bool operator==(const GateLayer&) const = default;
};

struct Hello {
  std::string instance;
  uint32_t world_size = 0;
  std::vector<std::string> required_features;
  std::vector<GateLayer> gates;
  std::optional<Directive> in_force;
  uint64_t start_step = 0;
  Counters start_counters;
  std::string program_version;
};

struct HelloReply {
  uint64_t lease_epoch = 0;
  uint64_t durable_seq = 0;
  std::optional<Directive> in_force;
  uint32_t window_steps = 0;
};

// A rare message that the sidecar keeps as it is, under a key that makes it idempotent.
struct Event {
  std::string kind;  // checkpoint, checkpoint_failed, probe, breaker, directive_applied,
                     // directive_refused, groups, ended, token_map.
  std::string key;
  uint64_t step = 0;
  std::string body;  // The message as JSON.
  // Set for kind `probe`.
  std::optional<ProbeCheck> probe = {};
  // Set for kind `ended`.
  bool ended = false;
  // Set for kinds `directive_applied` and `directive_refused`; the second, a `checkpoint_failed`
  // and a `breaker` that did nothing with the reason.
  uint64_t version = 0;
  std::string detail = {};
  // Set for a `breaker` message that answers a roll-back, done or not.
  bool rolled_back = false;
  // Set for kind `groups`, of which the decision alone is kept.
  std::optional<GroupActivity> activity = {};
};

// Kind of the events that are maps of open patches; only the newest are kept (engine/run_maps.cc).
inline constexpr char kTokenMapEvent[] = "token_map";

using Body = std::variant<Hello, GateSnapshot, Event>;

struct Message {
  Identity identity;
  Body body;
};

}  // namespace sluice::sidecar

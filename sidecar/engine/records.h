#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/counters.h"
#include "common/directive.h"
#include "sidecar/engine/messages.h"
#include "sidecar/policy/alerts.h"
#include "sidecar/policy/breaker.h"
#include "sidecar/policy/proposal.h"

// The durable state of the sidecar as plain values: what the store writes and reads back.
namespace sluice::sidecar {

// Cumulative counters of a rank at the end of a window, or at the first step seen after it.
struct Mark {
  uint64_t step = 0;
  Counters counters;

  bool operator==(const Mark&) const = default;
};

// One rank's place in the ledger. (epoch, generation, incarnation) names the process that speaks.
struct RankRecord {
  std::string run;
  uint32_t rank = 0;
  uint64_t epoch = 0;
  uint32_t generation = 0;
  uint64_t incarnation = 0;
  uint64_t seq = 0;  // Every message up to this one was taken.
  uint64_t last_step = 0;
  bool ended = false;
  uint64_t coalesced = 0;  // Snapshots merged by the worker, over all its processes.
  Counters counters;
  // By window end. One mark stands for all ends behind the mark before it, up to its own. The
  // oldest is what closed windows have counted.
  std::map<uint64_t, Mark> marks;

  bool operator==(const RankRecord&) const = default;
};

// State of the threshold policy at one gate layer, and what its last window measured.
struct LayerSteering {
  uint32_t layer = 0;
  double base = 0.0;       // theta_{t-1} of the recursion, without the breaker's offset.
  double sent_base = 0.0;  // The same at the last directive: the change limit counts from here.
  uint64_t windows = 0;    // Windows that entered the averages.
  double ema_mean = 0.0;
  ScoreWeights ema_weights{};
  double last_mean = 0.0;
  double last_stddev = 0.0;
  double last_rate = 0.0;

  bool operator==(const LayerSteering&) const = default;
};

// Newest sampled values of rank 0.
struct Newest {
  uint64_t step = 0;
  std::optional<double> loss;
  std::optional<double> train_accuracy;
  std::optional<double> accuracy_dense;
  std::optional<double> accuracy_gated;
  std::optional<double> gradient_norm;
  double learning_rate = 0.0;
  double images_per_second = 0.0;
  bool rate_alerts_silent = false;
  std::vector<double> thresholds;  // In force at the worker, per gate layer.
  std::optional<double> compute_saved_ratio;

  bool operator==(const Newest&) const = default;
};

// Bound of the probes of a run, and so of the labels of their metrics. Checks of further ones are
// counted together under a name that no probe can have.
inline constexpr size_t kMaxProbes = 64;
inline constexpr char kOtherProbes[] = "(other)";

struct RunRecord {
  std::string run;
  uint32_t world_size = 0;
  uint64_t epoch = 0;
  std::string holder;
  uint32_t generation = 0;
  // Work done is work_base + generation_max - generation_start.
  uint64_t work_base = 0;
  uint64_t generation_start = 0;
  uint64_t generation_max = 0;
  uint64_t window_end = 0;  // Last step of the last closed window.
  uint64_t version = 0;     // Highest directive version ever used.
  uint64_t activity = 0;    // Rises with each change of any run: orders runs without a clock.
  uint64_t windows = 0;     // Serial of the newest window, and of the newest journal entry: rows
  uint64_t journal = 0;     // are named by them, so that writing one twice is writing it once.
  double coverage = 1.0;
  double trigger_ratio = 0.0;
  std::vector<GateLayer> gates;
  std::vector<LayerSteering> steering;
  Newest newest;
  std::map<std::string, ProbeState> probes;  // At most kMaxProbes, and kOtherProbes for the rest.
  BreakerState breaker;
  AlertState alerts;
  std::optional<Directive> in_force;

  bool operator==(const RunRecord&) const = default;
};

// Values of one gate layer at the end of a window.
struct LayerWindow {
  uint32_t layer = 0;
  double threshold = 0.0;
  double target_rate = 0.0;
  double mean = 0.0;
  double ema = 0.0;
  double stddev = 0.0;
  double rate = 0.0;

  bool operator==(const LayerWindow&) const = default;
};

struct WindowRecord {
  std::string run;
  uint64_t serial = 0;  // From 1 inside the run; of the oldest one where several were merged.
  uint64_t merged = 1;  // Closed windows that this record stands for, of consecutive serials.
  uint64_t first_step = 0;
  uint64_t last_step = 0;
  double coverage = 1.0;
  std::vector<LayerWindow> layers;
  uint64_t directive_version = 0;
  std::string reason;
  std::optional<double> loss;

  bool operator==(const WindowRecord&) const = default;
};

// What the threshold policy made of one gate layer in one window: part of a journal entry.
struct DecisionRecord {
  uint32_t layer = 0;
  uint64_t tokens = 0;
  double mean = 0.0;
  double ema_mean = 0.0;
  double previous_base = 0.0;
  double base = 0.0;
  double threshold = 0.0;
  double predicted_rate = 0.0;
  double breaker_offset = 0.0;
  std::string decided_by;
  std::string reason;

  bool operator==(const DecisionRecord&) const = default;
};

// One decision with all that went into it. Replaying `input` (replay.h) gives `directive` again.
struct JournalRecord {
  std::string run;
  uint64_t serial = 0;  // From 1 inside the run.
  uint64_t step = 0;
  std::string kind;   // See replay.h.
  std::string input;  // JSON: the state before, the options, and what came in.
  std::vector<DecisionRecord> decisions;
  std::optional<Directive> directive;  // Absent if nothing was worth one.
  std::string reason;

  bool operator==(const JournalRecord&) const = default;
};

struct EventRecord {
  std::string run;
  Event event;
};

// A map of open patches, which takes the place of all of the run's that are not from `oldest_kept`
// on and before its own step.
struct MapRecord {
  std::string run;
  Event event;
  uint64_t oldest_kept = 0;
};

// Everything one transaction writes.
struct Changes {
  std::vector<RunRecord> runs;
  std::vector<std::string> cleared_runs;  // Their ranks are deleted first: a new training began.
  std::vector<RankRecord> ranks;
  std::vector<WindowRecord> windows;  // In the order of writing: a merged one replaces its parts.
  std::vector<Directive> directives;
  std::vector<JournalRecord> journal;
  std::vector<EventRecord> events;
  bool acknowledge_quarantine = false;
  std::vector<MapRecord> maps;

  bool empty() const {
    return runs.empty() && cleared_runs.empty() && ranks.empty() && windows.empty() &&
           directives.empty() && journal.empty() && events.empty() && maps.empty() &&
           !acknowledge_quarantine;
  }
};

// Everything that is read at the start.
struct StoredState {
  std::vector<RunRecord> runs;
  std::vector<RankRecord> ranks;
  std::vector<WindowRecord> windows;  // Of each run, oldest first.
  std::vector<EventRecord> maps;      // Those that are kept, by rising step.
  uint64_t epoch_floor = 0;  // Highest epoch that a state before this one is known to have granted.
};

}  // namespace sluice::sidecar

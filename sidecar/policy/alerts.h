#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::sidecar {

// Every alert that there is (DESIGN, section 7): each has a metric whether it fires or not.
inline constexpr std::array<const char*, 9> kAlertNames = {
    "activation_rate", "entropy_drift",      "probe_delta", "gradient_scale",   "lost_rank",
    "lost_telemetry",  "directive_mismatch", "non_finite",  "checkpoint_failed"};

using AlertTime = std::chrono::steady_clock::time_point;

struct AlertLimits {
  double rate_low = 0.10;
  double rate_high = 0.90;
  double drift = 0.15;  // Of the scores' moving average, relative, over `drift_steps`.
  uint64_t drift_steps = 100;
  double gradient_scale = 4.0;
  std::chrono::seconds rank_lost{15};        // Without a stream, before the rank's end.
  std::chrono::seconds telemetry_lost{120};  // With a stream that says nothing.
  uint64_t mismatch_steps = 100;             // Run under another version than the one in force.
};

struct Alert {
  std::string name;    // One of kAlertNames.
  std::string reason;  // Value and bound, for people.
  uint64_t since_step = 0;

  bool operator==(const Alert&) const = default;
};

// One gate layer's moving average of scores at the end of a window.
struct AveragePoint {
  uint64_t step = 0;
  std::vector<double> averages;  // Per gate layer.

  bool operator==(const AveragePoint&) const = default;
};

// What is remembered from one evaluation to the next, restarts included. Times are not: they mean
// nothing to the next process.
struct AlertState {
  std::vector<Alert> firing;           // In the order of kAlertNames.
  std::vector<AveragePoint> averages;  // Oldest first; the first is drift_steps back, or nearly.
  uint64_t silent_step = 0;            // Newest step that asked for no rate alert.
  uint64_t applied_version = 0;        // What rank 0 said last.
  uint64_t awaited_version = 0;  // What it should have said since `awaited_since`; 0: nothing.
  uint64_t awaited_since = 0;
  uint64_t refused_version = 0;  // Of the newest directive that a worker refused.
  std::string refused_why;
  // Messages refused for a number: since the last window closed, and between it and the one before.
  uint64_t refused_numbers = 0;
  uint64_t refused_before = 0;
  std::string refused_number;    // Field, value and range of the newest.
  std::string checkpoint_error;  // Why the newest checkpoint could not be saved; empty: it was.

  bool operator==(const AlertState&) const = default;
};

struct LayerMeasure {
  uint32_t layer = 0;
  double rate = 0.0;  // Of the last window.
  double average = 0.0;
};

// The newest check of a probe; `limit` is what makes it worse (probe.h).
struct ProbeMeasure {
  std::string probe;
  double delta = 0.0;
  double limit = 0.0;
};

struct RankMeasure {
  uint32_t rank = 0;
  bool connected = false;
  AlertTime since{};  // Last word of a connected rank; the loss of the stream otherwise.
};

// The run as it is.
struct AlertInput {
  uint64_t step = 0;
  bool ended = false;                  // Every rank said so: nothing fires any more.
  bool rates_silent = false;           // Dense, shadow or annealing.
  std::optional<uint64_t> window_end;  // Set once for each window that closed.
  std::vector<LayerMeasure> layers;    // Those that a window has closed at.
  std::vector<ProbeMeasure> probes;
  std::string scaled_group;  // With the largest scale.
  double scale = 1.0;
  uint64_t version_in_force = 0;
  std::vector<RankMeasure> ranks;  // Those that have not ended.
};

// Which alerts fire, and what is to be remembered. An alert that goes on keeps its step. Pure.
AlertState EvaluateAlerts(AlertState state, const AlertInput& input, AlertTime now,
                          const AlertLimits& limits);

}  // namespace sluice::sidecar

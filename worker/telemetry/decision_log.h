#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/directive.h"
#include "common/sealed_log.h"

namespace sluice::telemetry {

// One decision: `directive` holds from `step` on (the first step that runs under it).
struct DecisionEntry {
  uint64_t step = 0;
  uint32_t generation = 0;
  Directive directive{};

  bool operator==(const DecisionEntry&) const = default;
};

// The decision log of a run, written by rank 0: a SealedLog whose entries are
//   {"version":V,"step":S,"generation":G,"directive":{...},"crc":"8 hex digits"}
// Not thread-safe.
class DecisionLog {
 public:
  // Opens or creates. A torn last line, of an Append that never returned, is cut off with a
  // warning. DATA_LOSS as ReadDecisionLog.
  static absl::StatusOr<DecisionLog> Open(const std::string& path);

  // Durable when it returns.
  absl::Status Append(const DecisionEntry& entry);

 private:
  explicit DecisionLog(SealedLog log) : log_(std::move(log)) {}
  SealedLog log_;
};

// The decisions in force, by rising step, of all generations together. A restored run replays what
// it finds behind its checkpoint and appends only what is new, so that usually this is the whole
// file. Lines are taken in the file's order by two rules:
//   1. a line that repeats an entry in force (same step, same directive) changes nothing;
//   2. a line of a later generation takes the place of every entry at or after its step: the run
//      went another way from there.
// Inside one generation steps must rise, and versions must rise in the result. A last line that is
// torn or fails its CRC is dropped with a warning. DATA_LOSS that names the line for any other bad
// line; NOT_FOUND without the file.
absl::StatusOr<std::vector<DecisionEntry>> ReadDecisionLog(const std::string& path);

}  // namespace sluice::telemetry

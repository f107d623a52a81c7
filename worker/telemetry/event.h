#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/directive.h"

namespace sluice::telemetry {

// What a rank reports besides snapshots: plain forms of the messages of the same names in
// proto/sluice/v1/telemetry.proto, which says units and meanings. Free of Protobuf, so that files
// that include LibTorch may include this one.

// As RefusalReason in telemetry.proto (same numbers).
enum class RefusalReason : uint32_t {
  kUnspecified = 0,
  kOutOfRange = 1,
  kStale = 2,
  kUnknown = 3,
  kMalformed = 4,
  kLimit = 5,
  kLeaseHeld = 6
};

struct CheckpointSaved {
  uint64_t step = 0;
  std::string name{};
  uint64_t bytes = 0;
  uint64_t micros = 0;
  std::string error{};
};

struct ProbeResult {
  std::string probe{};
  uint64_t step = 0;
  uint64_t images = 0;
  double loss = 0.0;
  double difference_standard_error = 0.0;
  double accuracy = 0.0;
  double baseline_loss = 0.0;
};

struct BreakerActionDone {
  uint64_t directive_version = 0;
  BreakerAction action = BreakerAction::kNone;
  uint64_t step = 0;
  std::string error{};
};

struct DirectiveApplied {
  uint64_t version = 0;
  uint64_t step = 0;
};

struct DirectiveRefused {
  uint64_t version = 0;
  RefusalReason reason = RefusalReason::kUnspecified;
  std::string detail{};
};

struct GroupCount {
  std::string group{};
  uint32_t active_steps = 0;
};

struct GroupActivity {
  uint64_t first_step = 0;
  uint64_t last_step = 0;
  std::vector<GroupCount> groups{};
};

// What one gate decided about one image: a value per patch, row by row.
struct TokenMapLayer {
  uint32_t layer = 0;
  std::vector<uint8_t> open{};
  std::vector<float> scores{};  // In [0, 1]; 0 where an earlier gate had closed the patch.
};

struct TokenMapImage {
  uint64_t image_id = 0;
  std::string label{};
  std::string thumbnail{};  // Bytes of a PNG file.
  std::vector<TokenMapLayer> layers{};
};

struct TokenMap {
  uint64_t step = 0;
  uint32_t rows = 0;
  uint32_t columns = 0;
  std::vector<TokenMapImage> images{};
};

struct RunEnded {
  uint64_t step = 0;
  std::string error{};
};

using Event = std::variant<CheckpointSaved, ProbeResult, BreakerActionDone, DirectiveApplied,
                           DirectiveRefused, GroupActivity, TokenMap, RunEnded>;

}  // namespace sluice::telemetry

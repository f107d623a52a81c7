#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// Rungs of the forgetting breaker, as BreakerAction in proto/sluice/v1/directive.proto (same
// numbers).
enum class BreakerAction : uint32_t {
  kNone = 1,
  kTighten = 2,
  kRehearse = 3,
  kFreezeBackbone = 4,
  kRollBack = 5
};

// Values of one gate layer; see LayerDirective in directive.proto.
struct LayerDirective {
  uint32_t layer = 0;
  double threshold = 0.0;
  double target_rate = 0.0;

  bool operator==(const LayerDirective&) const = default;
};

// Factor for one parameter group's update, in [1, 5].
struct GroupScale {
  std::string group;
  double scale = 1.0;

  bool operator==(const GroupScale&) const = default;
};

// All values in force under one version; see Directive in directive.proto.
struct Directive {
  std::string run;
  uint64_t version = 0;
  std::vector<LayerDirective> layers;
  std::vector<GroupScale> group_scales;
  double rehearsal_share = 0.0;
  BreakerAction breaker_action = BreakerAction::kNone;
  uint32_t breaker_level = 0;
  std::string reason;
  uint64_t based_on_step = 0;

  bool operator==(const Directive&) const = default;
};

// OK if every value of `directive` is finite and in its range and its layers are exactly `layers`,
// in order; INVALID_ARGUMENT that names the field, the value and the range otherwise. The version
// is the caller's business.
absl::Status ValidateDirective(const Directive& directive, const std::vector<uint32_t>& layers);

// One line of JSON and back, exact for every finite double: the form of decision logs and of the
// sidecar's journal.
std::string DirectiveToJson(const Directive& directive);
// INVALID_ARGUMENT if `json` is not such a line.
absl::StatusOr<Directive> DirectiveFromJson(const std::string& json);

}  // namespace sluice

#pragma once

#include <string>

#include "absl/status/status.h"

namespace sluice::sidecar {

// Why a message was not taken; the numbers of RefusalReason in telemetry.proto.
enum class RefusalReason {
  kOutOfRange = 1,
  kStale = 2,
  kUnknown = 3,
  kMalformed = 4,
  kLimit = 5,
  kLeaseHeld = 6
};

// A refusal travels inside the program as a status: its code stands for the reason and its message
// is the detail for people.
absl::Status Refuse(RefusalReason reason, const std::string& detail);

// Reason of a status that is not OK. A code that stands for none is malformed.
RefusalReason ReasonOf(const absl::Status& status);

// Name for logs and for the label of sluice_rejected_total: out_of_range, stale, ...
std::string ReasonName(RefusalReason reason);

}  // namespace sluice::sidecar

#include "sidecar/engine/refusal.h"

#include <array>
#include <utility>

namespace sluice::sidecar {
namespace {

struct Entry {
  RefusalReason reason;
  absl::StatusCode code;
  const char* name;
};

constexpr std::array<Entry, 6> kEntries{{
    {RefusalReason::kOutOfRange, absl::StatusCode::kOutOfRange, "out_of_range"},
    {RefusalReason::kStale, absl::StatusCode::kAborted, "stale"},
    {RefusalReason::kUnknown, absl::StatusCode::kNotFound, "unknown"},
    {RefusalReason::kMalformed, absl::StatusCode::kInvalidArgument, "malformed"},
    {RefusalReason::kLimit, absl::StatusCode::kResourceExhausted, "limit"},
    {RefusalReason::kLeaseHeld, absl::StatusCode::kFailedPrecondition, "lease_held"},
}};

}  // namespace

absl::Status Refuse(RefusalReason reason, const std::string& detail) {
  for (const Entry& entry : kEntries) {
    if (entry.reason == reason) return absl::Status(entry.code, detail);
  }
  return absl::InvalidArgumentError(detail);
}

RefusalReason ReasonOf(const absl::Status& status) {
  for (const Entry& entry : kEntries) {
    if (entry.code == status.code()) return entry.reason;
  }
  return RefusalReason::kMalformed;
}

std::string ReasonName(RefusalReason reason) {
  for (const Entry& entry : kEntries) {
    if (entry.reason == reason) return entry.name;
  }
  return "malformed";
}

}  // namespace sluice::sidecar

#pragma once

#include "absl/status/statusor.h"
#include "sidecar/engine/messages.h"
#include "sidecar/engine/refusal.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Seqs are remembered one by one above a gap: a bound keeps arithmetic on them safe.
inline constexpr uint64_t kMaxSeq = uint64_t{1} << 62;

// Checks every field that can be judged without knowing the run, and copies. An error is a refusal
// that names field, value and expected range. Pure.
absl::StatusOr<Message> MessageFromProto(const v1::WorkerMessage& proto);

void RefusalToProto(uint64_t seq, RefusalReason reason, const std::string& detail,
                    v1::Refusal* proto);

}  // namespace sluice::sidecar

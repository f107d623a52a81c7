#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/counters.h"
#include "sluice/v1/snapshot.pb.h"

namespace sluice::sidecar {

// Largest value of a single count: sums over all ranks stay far from overflow.
inline constexpr uint64_t kMaxCount = uint64_t{1} << 56;

// Checks sizes and ranges. A histogram without bins stands for one of zeros. An error is a refusal
// (engine/refusal.h) that names the field.
absl::StatusOr<Counters> CountersFromProto(const v1::Counters& proto, const std::string& field);
void CountersToProto(const Counters& counters, v1::Counters* proto);

// The message's bytes, for the store, and back; DATA_LOSS if they are not such a message.
std::string CountersToBytes(const Counters& counters);
absl::StatusOr<Counters> CountersFromBytes(const std::string& bytes);

}  // namespace sluice::sidecar

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::sidecar {

// Who may speak for a run. Epoch 0: nobody did yet.
struct Lease {
  uint64_t epoch = 0;
  std::string holder;
  uint32_t generation = 0;
};

// Decides on a Hello of `instance` in `generation`. The holder keeps its epoch; another instance
// gets the next one if its generation is higher or if the holder has no live stream. Otherwise a
// refusal: LEASE_HELD, or STALE for a holder that went back in generation. Pure; no clock is used.
absl::StatusOr<Lease> GrantLease(const Lease& lease, const std::string& instance,
                                 uint32_t generation, bool holder_is_live);

}  // namespace sluice::sidecar

#include "sidecar/engine/lease.h"

#include "absl/strings/str_cat.h"
#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {

absl::StatusOr<Lease> GrantLease(const Lease& lease, const std::string& instance,
                                 uint32_t generation, bool holder_is_live) {
  if (lease.epoch == 0) return Lease{1, instance, generation};
  if (instance == lease.holder) {
    if (generation < lease.generation) {
      return Refuse(RefusalReason::kStale, absl::StrCat("generation is ", generation,
                                                        ", expected at least ", lease.generation));
    }
    return Lease{lease.epoch, instance, generation};
  }
  if (generation > lease.generation || !holder_is_live) {
    return Lease{lease.epoch + 1, instance, generation};
  }
  return Refuse(RefusalReason::kLeaseHeld,
                absl::StrCat("instance is '", instance, "', but '", lease.holder,
                             "' holds the lease with epoch ", lease.epoch, " and is connected"));
}

}  // namespace sluice::sidecar

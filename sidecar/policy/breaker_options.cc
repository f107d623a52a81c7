#include "sidecar/policy/breaker_options.h"

namespace sluice::sidecar {

void DefineBreakerOptions(OptionSet& set, BreakerOptions& options) {
  set.Choice("breaker.last-rung", &options.last_rung, BreakerRungNames(),
             "last rung of the forgetting breaker that may be taken; none leaves it closed");
  set.Number("breaker.raise", &options.raise, 0.0, 1.0,
             "what each of the breaker's first two rungs adds to a threshold");
  set.Number("breaker.rehearsal-share", &options.rehearsal_share, 0.0, 0.999,
             "share of legacy images in a batch from the rung rehearse on");
  set.Integer("breaker.rollbacks", &options.rollbacks, 0, 1000,
              "roll-backs at most, between two resets of the breaker by hand");
}

}  // namespace sluice::sidecar

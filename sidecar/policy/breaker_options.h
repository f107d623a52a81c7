#pragma once

#include "common/options.h"
#include "sidecar/policy/breaker.h"

namespace sluice::sidecar {

// Options `breaker.*` of the command line. `options` must outlive the parse.
void DefineBreakerOptions(OptionSet& set, BreakerOptions& options);

}  // namespace sluice::sidecar

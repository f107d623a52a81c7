#pragma once

#include <string>

#include "tests/sidecar/testing/rank_client.h"

namespace sluice::sidecar::testing {

// Greets as the one rank of its run and sends all that a rank can say and metrics are made of: a
// message that is refused, `steps` snapshots with every field set, a probe's result. Fields that
// the protocol gains later are set as well, by their type. Returns once all is acknowledged; false
// if the stream ends before.
bool FeedEverything(RankClient& rank, uint64_t steps);

}  // namespace sluice::sidecar::testing

#pragma once

#include <cstdint>
#include <string>

namespace sluice::dist {

// Planted faults for tests: the environment variable SLUICE_FAULT holds "NAME:rank=R,step=S". True
// when the fault `name` is to fire on this rank at this step; it is logged. Known names:
// version_skew (this rank claims another directive version), abort (this rank ends at once, as by
// kill -9).
bool FaultFires(const std::string& name, int rank, uint64_t step);

}  // namespace sluice::dist

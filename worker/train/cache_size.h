#pragma once

#include <cstdint>
#include <string>

namespace sluice::train {

// Bytes of the last-level cache that the first processor reads through, as Linux's `folder` of its
// caches says; where that says nothing, what the C library believes; 0 if neither knows. The C
// library counts wrongly on some virtual machines: ten times of what there is.
int64_t LastLevelCacheBytes(const std::string& folder = "/sys/devices/system/cpu/cpu0/cache");

}  // namespace sluice::train

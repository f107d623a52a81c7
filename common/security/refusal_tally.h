#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace sluice::security {

// Why a call or a stream was turned away before it was looked into.
enum class Denial { kUnauthenticated, kPermission, kRate, kStreams, kSilent };

inline constexpr std::array<const char*, 5> kDenialNames{
    "unauthenticated", "permission_denied", "rate_limit", "stream_limit", "silent_stream"};

// How often, for sluice_rejected_total{reason}. Thread-safe, without locks.
class RefusalTally {
 public:
  void Count(Denial why) { ++counts_[static_cast<size_t>(why)]; }
  // Those above 0, by the name of the reason.
  std::map<std::string, uint64_t> Counts() const {
    std::map<std::string, uint64_t> counts;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (const uint64_t n = counts_[i]; n > 0) counts[kDenialNames[i]] = n;
    }
    return counts;
  }

 private:
  std::array<std::atomic<uint64_t>, kDenialNames.size()> counts_{};
};

}  // namespace sluice::security

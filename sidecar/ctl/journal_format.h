#pragma once

#include <cstdint>
#include <string>

#include "sluice/v1/runs.pb.h"

// What people read of the journal and of the durable state. Pure.
namespace sluice::ctl {

// Entries seen so far, and how their replay went.
struct JournalCount {
  uint64_t entries = 0;
  uint64_t different = 0;
  std::string first_difference;

  void Add(const v1::GetJournalResponse& response);
};

// A row per entry, under a header if `before` has none yet.
std::string JournalText(const v1::GetJournalResponse& response, const JournalCount& before);
// "N decisions replayed: identical to the bit", or the first that is not.
std::string ReplayText(const JournalCount& count);
std::string StorageText(const v1::GetStorageResponse& storage);

}  // namespace sluice::ctl

#pragma once

#include <cstdint>
#include <string>

// Between the code under test and the system: this executable's own open, write, fsync, rename,
// unlink and remove, which libraries call too.
namespace sluice::file_faults {

// What is left of a crash.
enum class Crash {
  kProcess,       // kill -9: all that the system was told.
  kPower,         // Data that was not fsynced is lost; names have changed.
  kPowerNames,    // And names that were not fsynced are what they were.
  kPowerRenames,  // The same for renames; but files that were removed are gone.
};

// From now on, the operation `at` (0 is the first) on a file below `folder` ends this process by
// _exit(kCrashed): before it, or, if it is a write, after half of it. Not to be undone.
constexpr int kCrashed = 77;
void CrashAt(int64_t at, Crash crash, const std::string& folder);
// What such a crash leaves, now: for a process that came to its end before.
void LoseTheRest();
// How many operations there have been since.
int64_t Operations();

// Each write to a file below `folder` fails with ENOSPC after `bytes` of them; empty: no more.
void Fill(const std::string& folder, uint64_t bytes);

// Opening a new file whose path has `part` in it waits for Release, at most 20 s.
void HoldOpen(const std::string& part);
bool IsHolding();
void Release();

}  // namespace sluice::file_faults

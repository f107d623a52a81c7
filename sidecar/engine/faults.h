#pragma once

// Moments at which a test may end or hold the process, and defects that a test may plant. They
// exist only where SLUICE_FAULTS is defined: in the program of tests/sidecar/faults, which compiles
// the sources that name them once more. In every other program both are nothing.
#ifdef SLUICE_FAULTS

namespace sluice::sidecar {

// Ends or holds the process if the environment says so; see tests/sidecar/faults.
void ReachFailpoint(const char* name);
// True if the environment plants the defect.
bool HasDefect(const char* name);

}  // namespace sluice::sidecar

#define SLUICE_FAILPOINT(name) ::sluice::sidecar::ReachFailpoint(name)
#define SLUICE_DEFECT(name) ::sluice::sidecar::HasDefect(name)

#else

#define SLUICE_FAILPOINT(name) static_cast<void>(0)
#define SLUICE_DEFECT(name) false

#endif

#pragma once

#include <string>
#include <vector>

namespace sluice::sidecar::testing {

// A start of sluice-sidecar that came to its end.
struct EndedStart {
  int code = -1;  // Exit code; -1 if a signal ended it, or we did after 20 seconds.
  std::string out;
  std::string error;
};

// Runs sluice-sidecar to its end. `before`: a program and its arguments that run it.
EndedStart RunToEnd(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& before = {});

// What runs a program of root's without root's right to read and write everything; empty for other
// users, who do not have it.
std::vector<std::string> WithoutRights();

}  // namespace sluice::sidecar::testing

#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sluice::ctl {

// INVALID_ARGUMENT: "NAME is 'VALUE', expected EXPECTED", and "NAME is missing, expected EXPECTED".
absl::Status Invalid(const std::string& name, const std::string& value,
                     const std::string& expected);
absl::Status Missing(const std::string& name, const std::string& expected);

// The name of a run: 1 to 128 characters of [A-Za-z0-9._-].
absl::Status CheckRun(const std::string& run);
// Protobuf would refuse to send what is not, far from where it comes from.
bool IsUtf8(const std::string& text);
// Why something is done: at most 256 bytes of UTF-8.
absl::Status CheckReason(const std::string& reason);
// One of `actions`.
absl::Status CheckAction(const std::string& action, const std::vector<std::string>& actions);

}  // namespace sluice::ctl

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace sluice::sidecar {

// Bound of a field that may hold any number that a training can give: squares and ratios of such
// numbers are finite as well.
inline constexpr double kMaxNumber = 1e100;
// Largest index of a gate layer.
inline constexpr uint64_t kMaxLayer = 10000;

// Checks of single fields. An error is a refusal (engine/refusal.h) that names field, value and
// expected range.
absl::Status CheckNumber(const std::string& field, double value, double low, double high);
absl::Status CheckInteger(const std::string& field, uint64_t value, uint64_t low, uint64_t high);
// At most `most` bytes.
absl::Status CheckLength(const std::string& field, const std::string& value, size_t most);
// 1 to 128 characters of [A-Za-z0-9._-].
absl::Status CheckName(const std::string& field, const std::string& value);

}  // namespace sluice::sidecar

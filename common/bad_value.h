#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice {

// INVALID_ARGUMENT: "KEY is 'VALUE', expected EXPECTED".
inline absl::Status BadValue(const std::string& key, const std::string& value,
                             const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(key, " is '", value, "', expected ", expected));
}

// The value of an enumeration whose names stand in its order. INVALID_ARGUMENT that lists them.
template <typename Enum>
absl::StatusOr<Enum> ParseName(const std::string& key, const std::vector<std::string>& names,
                               const std::string& name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<Enum>(it - names.begin());
  return BadValue(key, name, "one of " + absl::StrJoin(names, ", "));
}

}  // namespace sluice

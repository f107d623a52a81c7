#include "sidecar/wire/check.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {

absl::Status CheckNumber(const std::string& field, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return absl::OkStatus();
  return Refuse(
      RefusalReason::kOutOfRange,
      absl::StrCat(field, " is ", value, ", expected a number in [", low, ", ", high, "]"));
}

absl::Status CheckInteger(const std::string& field, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Refuse(
      RefusalReason::kOutOfRange,
      absl::StrCat(field, " is ", value, ", expected an integer in [", low, ", ", high, "]"));
}

absl::Status CheckLength(const std::string& field, const std::string& value, size_t most) {
  if (value.size() <= most) return absl::OkStatus();
  return Refuse(RefusalReason::kLimit,
                absl::StrCat(field, " has ", value.size(), " bytes, expected at most ", most));
}

absl::Status CheckName(const std::string& field, const std::string& value) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  if (!value.empty() && value.size() <= 128 && std::all_of(value.begin(), value.end(), allowed)) {
    return absl::OkStatus();
  }
  return Refuse(RefusalReason::kMalformed,
                absl::StrCat(field, " is '", absl::CEscape(value.substr(0, 128)),
                             "', expected 1 to 128 characters of [A-Za-z0-9._-]"));
}

}  // namespace sluice::sidecar

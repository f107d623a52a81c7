#include "sidecar/ctl/argument_checks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::ctl {
namespace {

constexpr size_t kMaxRunName = 128;
constexpr size_t kMaxReason = 256;

}  // namespace

absl::Status Invalid(const std::string& name, const std::string& value,
                     const std::string& expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is '", absl::CEscape(value), "', expected ", expected));
}

absl::Status Missing(const std::string& name, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(name, " is missing, expected ", expected));
}

absl::Status CheckRun(const std::string& run) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  if (run.empty()) return Missing("RUN", "the name of a run that 'sluicectl runs' lists");
  if (run.size() <= kMaxRunName && std::all_of(run.begin(), run.end(), allowed)) {
    return absl::OkStatus();
  }
  return Invalid("RUN", run, "1 to 128 characters of [A-Za-z0-9._-]");
}

bool IsUtf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

absl::Status CheckReason(const std::string& reason) {
  if (reason.size() <= kMaxReason && IsUtf8(reason)) return absl::OkStatus();
  return Invalid("reason", reason, absl::StrCat("at most ", kMaxReason, " bytes of UTF-8"));
}

absl::Status CheckAction(const std::string& action, const std::vector<std::string>& actions) {
  const std::string expected = "one of " + absl::StrJoin(actions, ", ");
  if (action.empty()) return Missing("ACTION", expected);
  if (std::find(actions.begin(), actions.end(), action) != actions.end()) return absl::OkStatus();
  return Invalid("ACTION", action, expected);
}

}  // namespace sluice::ctl

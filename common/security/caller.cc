#include "common/security/caller.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::security {
namespace {

constexpr size_t kMaxRunName = 128;

bool IsRunName(absl::string_view name) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxRunName &&
         std::all_of(name.begin(), name.end(), allowed);
}

// As a number is written by others: without sign, blanks and leading zeros.
bool IsRank(absl::string_view text) {
  uint32_t rank = 0;
  return absl::SimpleAtoi(text, &rank) && absl::StrCat(rank) == text;
}

}  // namespace

const char* RoleName(Role role) {
  if (role == Role::kWorker) return "worker";
  return role == Role::kReader ? "reader" : "admin";
}

std::optional<Role> ParseRole(absl::string_view name) {
  for (const Role role : kRoles) {
    if (name == RoleName(role)) return role;
  }
  return std::nullopt;
}

std::optional<Grant> ParseGrant(absl::string_view uri) {
  if (!absl::ConsumePrefix(&uri, "sluice://")) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(uri, '/');
  const std::optional<Role> role = ParseRole(parts[0]);
  if (!role.has_value()) return std::nullopt;
  const bool is_worker = *role == Role::kWorker;
  if (is_worker ? parts.size() != 3 : parts.size() > 2) return std::nullopt;
  Grant grant{*role};
  if (parts.size() > 1) grant.run = parts[1];
  if (parts.size() > 2) grant.rank = parts[2];
  if (grant.run != "*" && !IsRunName(grant.run)) return std::nullopt;
  if (grant.rank != "*" && !IsRank(grant.rank)) return std::nullopt;
  return grant;
}

bool Caller::Has(Role role, absl::string_view run) const {
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    return grant.role == role && (run.empty() || grant.CoversRun(run));
  });
}

bool Caller::MaySpeakFor(absl::string_view run, uint32_t rank) const {
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    return grant.role == Role::kWorker && grant.CoversRun(run) &&
           (grant.rank == "*" || grant.rank == absl::StrCat(rank));
  });
}

std::string Caller::MayNotSpeakFor(absl::string_view run, uint32_t rank) const {
  return absl::StrCat(name, " may not speak for run '", absl::CEscape(run), "' rank ", rank);
}

}  // namespace sluice::security

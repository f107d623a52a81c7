#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::security {

// What a caller may be. An admin may do what a reader may; a worker only speaks for its run.
enum class Role { kWorker, kReader, kAdmin };
inline constexpr Role kRoles[] = {Role::kWorker, Role::kReader, Role::kAdmin};

// worker, reader, admin.
const char* RoleName(Role role);
std::optional<Role> ParseRole(absl::string_view name);

// One role, for one run or for all, and for a worker for one rank or for all. "*" is all.
struct Grant {
  Role role = Role::kReader;
  std::string run = "*";
  std::string rank = "*";

  bool CoversRun(absl::string_view name) const { return run == "*" || run == name; }
  bool operator==(const Grant&) const = default;
};

// The grant of a certificate's subject alternative name: `sluice://worker/RUN/RANK`,
// `sluice://reader`, `sluice://admin`, the last two also with `/RUN`; RUN and RANK may be `*`.
// Nothing for any other URI.
std::optional<Grant> ParseGrant(absl::string_view uri);

// Who calls, as its certificate, its token or its address says. A plain value.
struct Caller {
  // For people and for the audit log: "certificate sluice://admin", "token 3f2a90cc", "local",
  // "anonymous". Never a secret.
  std::string name;
  std::vector<Grant> grants;

  // True if one of the grants has one of the roles, for `run` (empty: for some run).
  bool Has(Role role, absl::string_view run) const;
  // True if a worker's grant covers run and rank.
  bool MaySpeakFor(absl::string_view run, uint32_t rank) const;
  // What it is told where it may not.
  std::string MayNotSpeakFor(absl::string_view run, uint32_t rank) const;
};

}  // namespace sluice::security

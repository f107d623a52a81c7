#include "worker/launch/rank_environment.h"

#include <climits>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::launch {
namespace {

constexpr int kMaxWorldSize = 4096;
constexpr char kRestartCount[] = "TORCHELASTIC_RESTART_COUNT";

absl::StatusOr<int> ReadInteger(const EnvironmentLookup& lookup, const char* name, int low,
                                int high, absl::string_view why) {
  const char* text = lookup(name);
  const std::string expected = absl::StrCat("expected an integer in [", low, ", ", high, "]", why,
                                            " (from the environment)");
  if (text == nullptr)
    return absl::InvalidArgumentError(absl::StrCat(name, " is not set, ", expected));
  int value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is '", text, "', ", expected));
  }
  return value;
}

}  // namespace

const char* ProcessEnvironment(const char* name) { return std::getenv(name); }

bool HasRankEnvironment(const EnvironmentLookup& lookup) {
  return lookup("RANK") != nullptr || lookup("WORLD_SIZE") != nullptr;
}

absl::StatusOr<RankEnvironment> ReadRankEnvironment(const EnvironmentLookup& lookup) {
  RankEnvironment env;
  SLUICE_ASSIGN_OR_RETURN(env.world_size, ReadInteger(lookup, "WORLD_SIZE", 1, kMaxWorldSize, ""));
  const std::string why = absl::StrCat(", because WORLD_SIZE is ", env.world_size);
  SLUICE_ASSIGN_OR_RETURN(env.rank, ReadInteger(lookup, "RANK", 0, env.world_size - 1, why));
  env.local_rank = env.rank;
  if (lookup("LOCAL_RANK") != nullptr) {
    SLUICE_ASSIGN_OR_RETURN(env.local_rank,
                            ReadInteger(lookup, "LOCAL_RANK", 0, env.rank,
                                        absl::StrCat(", because RANK is ", env.rank)));
  }
  const char* address = lookup("MASTER_ADDR");
  if (address == nullptr || *address == '\0') {
    return absl::InvalidArgumentError(
        absl::StrCat("MASTER_ADDR is ", address == nullptr ? "not set" : "''",
                     ", expected a host name or an address (from the environment)"));
  }
  env.master_address = address;
  SLUICE_ASSIGN_OR_RETURN(const int port, ReadInteger(lookup, "MASTER_PORT", 1, 65535, ""));
  env.master_port = static_cast<uint16_t>(port);
  if (lookup(kRestartCount) != nullptr) {
    SLUICE_ASSIGN_OR_RETURN(env.restart, ReadInteger(lookup, kRestartCount, 0, INT_MAX, ""));
  }
  return env;
}

}  // namespace sluice::launch

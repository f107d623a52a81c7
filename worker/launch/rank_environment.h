#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::launch {

// torchrun's description of a rank.
struct RankEnvironment {
  int rank = 0;
  int local_rank = 0;
  int world_size = 1;
  std::string master_address{};
  uint16_t master_port = 0;
  int restart = 0;  // How often the group was started again.
};

// Value of a variable, or nullptr: getenv, or a table in tests.
using EnvironmentLookup = std::function<const char*(const char*)>;
const char* ProcessEnvironment(const char* name);

// True if RANK or WORLD_SIZE is set: somebody meant this process to be one of a group.
bool HasRankEnvironment(const EnvironmentLookup& lookup = ProcessEnvironment);

// Reads RANK, LOCAL_RANK (RANK if it is absent), WORLD_SIZE, MASTER_ADDR, MASTER_PORT and
// TORCHELASTIC_RESTART_COUNT (0 if it is absent).
// INVALID_ARGUMENT that names the variable, its value and what was expected.
absl::StatusOr<RankEnvironment> ReadRankEnvironment(
    const EnvironmentLookup& lookup = ProcessEnvironment);

}  // namespace sluice::launch

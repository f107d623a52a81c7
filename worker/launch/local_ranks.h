#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sluice::launch {

struct LocalRanksConfig {
  int nproc = 1;
  std::string program{};
  std::vector<std::string> arguments{};
  // "NAME=VALUE" for every rank, besides the variables below.
  std::vector<std::string> environment{};
  // Where the caller's TCPStore listens on the loopback interface.
  uint16_t master_port = 0;
  // OMP_NUM_THREADS and MKL_NUM_THREADS; 0 shares the processors out evenly.
  int threads_per_rank = 0;
  // How often the group is started again after a rank failed, and with which arguments.
  int max_restarts = 0;
  std::vector<std::string> restart_arguments{};
  // Ranks get SIGTERM and SIGINT only once they have unblocked them.
  bool hold_signals = false;
  // After one rank failed, the others have this long to end by themselves, and again after SIGTERM.
  std::chrono::milliseconds grace{10000};
  // After SIGTERM or SIGINT was passed on, all ranks have this long before SIGKILL.
  std::chrono::milliseconds stop_grace{60000};
};

// Starts `nproc` ranks of one machine with RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE,
// MASTER_ADDR, MASTER_PORT, TORCHELASTIC_RESTART_COUNT, OMP_NUM_THREADS, MKL_NUM_THREADS and
// MKL_DYNAMIC=FALSE, and waits for all of them. A rank that fails ends the group: what is left
// after twice the grace, stopped or hanging, is killed. Then all ranks are started again, up to
// max_restarts times. SIGTERM and SIGINT are passed on to every rank (a rank in the terminal's
// process group may so get an interrupt twice), and nothing is started after them. OK if every rank
// of a group exited with 0. ABORTED that names the rank that failed first and how it ended. No rank
// is left when it returns.
//
// Call it from the main thread, before any gRPC object exists (see ChildProcess), and once at a
// time: it owns the handlers of SIGTERM and SIGINT until it returns.
absl::Status RunLocalRanks(const LocalRanksConfig& config);

}  // namespace sluice::launch

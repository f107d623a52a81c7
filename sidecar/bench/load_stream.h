#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "sidecar/bench/load_rank.h"

namespace sluice::sidecar {

// One stream of the load, with one rank or, as a relay has it, several. Thread-safe.
class LoadStream {
 public:
  virtual ~LoadStream() = default;
  // Writes what can be written now; to be called now and then.
  virtual void Pump() = 0;
  // Shows its ranks as they are.
  virtual void Visit(absl::FunctionRef<void(const LoadRank&)> visit) = 0;
  // Cancels and waits for gRPC. Nothing else may be called afterwards.
  virtual void Close() = 0;
};

// A rank's own stream to HOST:PORT, over a connection of its own; `state` outlives it.
std::unique_ptr<LoadStream> OpenRank(const std::string& address, const std::string& run,
                                     uint32_t rank, LoadState* state);
// A relay's stream, with `ranks` (at most RelayLanes::kMostEntries) of them from `first_rank` on. A
// lane that is ended counts as refused.
std::unique_ptr<LoadStream> OpenRelay(const std::string& address, const std::string& run,
                                      uint32_t first_rank, uint32_t ranks, LoadState* state);

}  // namespace sluice::sidecar

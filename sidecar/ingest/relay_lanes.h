#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "common/security/caller.h"
#include "common/security/refusal_tally.h"
#include "common/security/token_bucket.h"
#include "sidecar/engine/command.h"
#include "sidecar/ingest/relay_port.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// The lanes of one relay's stream, each with its sink. A lane is treated as a rank's own stream is:
// it speaks for runs and ranks that the relay may speak for and keeps to the rate of a stream, or
// it ends or is refused; the other lanes go on. Used by one thread at a time.
class RelayLanes {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Most entries of a request.
  static constexpr int kMostEntries = 1024;

  // `tally` counts strangers.
  RelayLanes(std::shared_ptr<RelayPort> port, security::Caller caller, const StreamLimits& limits,
             security::RefusalTally* tally)
      : port_(std::move(port)), caller_(std::move(caller)), limits_(limits), tally_(tally) {}

  // Adds the engine's commands for what a request says. What comes for a lane that has ended is
  // left out. INVALID_ARGUMENT, if the relay does not keep to the protocol, ends the stream; what
  // was added before counts nevertheless.
  absl::Status Take(const v1::RelayRequest& request, Time now, std::vector<Command>& commands);
  // The stream is gone: all lanes are closed.
  std::vector<Command> CloseAll();

 private:
  struct Lane {
    std::shared_ptr<LaneSink> sink;
    security::TokenBucket turns;
  };
  using Lanes = std::map<uint64_t, Lane>;

  // The lane of this number, a new one if it is the first to have it; none if it has ended.
  Lanes::iterator Find(uint64_t number);
  void TakeMessage(const v1::LaneRequest& entry, Time now, std::vector<Command>& commands);
  void Close(Lanes::iterator lane, std::vector<Command>& commands);

  const std::shared_ptr<RelayPort> port_;
  const security::Caller caller_;
  const StreamLimits limits_;
  security::RefusalTally* const tally_;
  Lanes lanes_;
  uint64_t newest_ = 0;  // Largest lane number seen.
};

}  // namespace sluice::sidecar

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "worker/telemetry/publisher.h"

namespace sluice::train::testing {

// A publisher and, in this process, the sidecar that it speaks to. Free of gRPC and Protobuf, so
// that tests that include LibTorch may include it.
class OverheardPublisher {
 public:
  OverheardPublisher();
  ~OverheardPublisher();

  telemetry::Publisher* publisher();
  // Ends the run: all snapshots and events in their order, as they came over the wire. Once.
  std::vector<std::string> Heard();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// What is heard of one of them.
std::string TextOf(const GateSnapshot& snapshot);
std::string TextOf(const telemetry::Event& event);

}  // namespace sluice::train::testing

#pragma once

#include <optional>
#include <string>

#include "worker/launch/child_process.h"

namespace sluice::sidecar::testing {

// A real Prometheus on a free port of the loopback address that scrapes one address. Ended with the
// object. Not thread-safe.
class PrometheusProcess {
 public:
  // Keeps its files in `folder`, which exists. Returns once it listens; fails the test if it does
  // not within 20 seconds.
  PrometheusProcess(const std::string& program, const std::string& folder,
                    const std::string& target);

  // How many series of this name have a sample now; nothing if there is none or no answer.
  std::optional<int> SeriesOf(const std::string& name) const;
  // What it wrote to its log.
  std::string Log() const;

 private:
  std::string log_;
  std::string address_;
  std::optional<launch::ChildProcess> process_;
};

}  // namespace sluice::sidecar::testing

#pragma once

#include <string>
#include <vector>

#include "worker/launch/child_process.h"

// Two machines in one: network namespaces with a cable between them.
namespace sluice::e2e {

// Needs root, `ip` and `tc` (iproute2) and `nft` (nftables). The namespaces go with the object.
class TwoHosts {
 public:
  // What is missing for it here; empty: nothing.
  static std::string Missing();

  TwoHosts();
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;
  ~TwoHosts();

  // Address of host 0 or 1 on the cable.
  static std::string Address(int host) { return host == 0 ? "10.77.0.1" : "10.77.0.2"; }
  // Starts a program on a host; its standard error is appended to `log`.
  launch::ChildProcess Start(int host, const std::vector<std::string>& command,
                             const std::vector<std::string>& environment, const std::string& log,
                             bool capture_stdout = false) const;
  // From now on host 1 loses every packet that comes or goes, or none.
  void DropPackets(bool drop) const;
  // Pulls the cable, or plugs it in again.
  void PlugIn(bool in) const;
  // Each side sends at most so many megabits per second.
  void Limit(int megabits) const;

 private:
  std::string Name(int host) const { return name_ + (host == 0 ? "a" : "b"); }
  // Runs a command on a host; it must succeed.
  void Run(int host, const std::vector<std::string>& command) const;

  std::string name_;
};

// Variables of one of two ranks, as torchrun would set them for its `restart`-th start.
std::vector<std::string> RankVariables(int rank, int restart);

}  // namespace sluice::e2e

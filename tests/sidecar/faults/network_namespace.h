#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::sidecar::testing {

inline bool Runs(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// A network namespace with one link to ours, gone at the end.
class NetworkNamespace {
 public:
  NetworkNamespace()
      : name_(absl::StrCat("sluice-", ::getpid())),
        link_(absl::StrCat("sl", ::getpid() % 100000)),
        net_(absl::StrCat("10.213.", ::getpid() % 250, ".")) {
    made_ = Runs("ip netns add " + name_) &&
            Runs(absl::StrCat("ip link add ", link_, "a type veth peer name ", link_, "b netns ",
                              name_)) &&
            Runs(absl::StrCat("ip addr add ", net_, "1/24 dev ", link_, "a")) &&
            Runs(absl::StrCat("ip link set ", link_, "a up")) && In("ip link set lo up") &&
            In(absl::StrCat("ip addr add ", host(), "/24 dev ", link_, "b")) &&
            In(absl::StrCat("ip link set ", link_, "b up")) && In("nft add table inet f") &&
            In("nft add chain inet f in '{ type filter hook input priority 0; }'") &&
            In("nft add chain inet f out '{ type filter hook output priority 0; }'");
  }
  ~NetworkNamespace() {
    Runs("ip netns del " + name_);
    Runs(absl::StrCat("ip link del ", link_, "a"));
  }

  bool made() const { return made_; }
  std::string host() const { return net_ + "2"; }
  const std::string& name() const { return name_; }
  // What `rule` says happens to all packets in and out.
  bool Filter(const std::string& rule) {
    return Heal() && In("nft add rule inet f in iif != lo " + rule) &&
           In("nft add rule inet f out oif != lo " + rule);
  }
  bool Heal() { return In("nft flush chain inet f in") && In("nft flush chain inet f out"); }

 private:
  bool In(const std::string& command) {
    return Runs(absl::StrCat("ip netns exec ", name_, " ", command));
  }

  const std::string name_, link_, net_;
  bool made_ = false;
};

}  // namespace sluice::sidecar::testing

// A network that is parted and one that loses packets: the sidecar in a namespace of its own.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "tests/common/peers.h"
#include "tests/sidecar/faults/harness.h"

namespace sluice::sidecar::testing {
namespace {

bool Runs(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// A network namespace with one link to ours, gone at the end.
class Namespace {
 public:
  Namespace()
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
  ~Namespace() {
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

TEST_F(Faults, APartitionAndLostPackets) {
  if (ProgramInPath("ip").empty() || ProgramInPath("nft").empty()) {
    SLUICE_PEER_IS_MISSING("ip or nft is missing (packages iproute2 and nftables)");
  }
  Namespace space;
  // A right is no peer: no package brings it.
  if (!space.made()) GTEST_SKIP() << "network namespaces and nft need root with all rights";
  Launch launch;
  launch.before = {"ip", "netns", "exec", space.name()};
  launch.host = space.host();
  StartSidecar(launch, {"--insecure-listen"});
  StartRanks(std::chrono::milliseconds(1500));
  ASSERT_TRUE(WaitForProgress(50));
  const std::chrono::seconds pause(CountOf("SLUICE_NETWORK_SECONDS", 3));
  ASSERT_TRUE(space.Filter("drop"));
  const uint64_t acked = ranks_[0]->acked();
  std::this_thread::sleep_for(pause);  // What is tested is that it lasts.
  EXPECT_LE(ranks_[0]->acked(), acked + 64);
  ASSERT_TRUE(space.Heal());
  ASSERT_TRUE(WaitForProgress(50));
  ASSERT_TRUE(space.Filter("numgen random mod 100 \\< 30 drop"));
  std::this_thread::sleep_for(pause);
  ASSERT_TRUE(space.Heal());
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  EXPECT_GT(CountLines(files_[0], "hello"), 1u);  // It gave a stream up.
  std::cout << pause.count() << " s parted, " << pause.count() << " s with 30 % of packets lost, "
            << differences.size() << " differences" << std::endl;
}

}  // namespace
}  // namespace sluice::sidecar::testing

// A network that is parted and one that loses packets: the sidecar in a namespace of its own.
#include <iostream>
#include <thread>

#include "tests/common/peers.h"
#include "tests/sidecar/faults/harness.h"
#include "tests/sidecar/faults/network_namespace.h"

namespace sluice::sidecar::testing {
namespace {

TEST_F(Faults, APartitionAndLostPackets) {
  if (ProgramInPath("ip").empty() || ProgramInPath("nft").empty()) {
    SLUICE_PEER_IS_MISSING("ip or nft is missing (packages iproute2 and nftables)");
  }
  NetworkNamespace space;
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

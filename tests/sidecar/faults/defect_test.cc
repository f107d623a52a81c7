// Each defect that these tests exist for, planted: the oracle must see it.
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/sidecar/faults/faked_clock.h"
#include "tests/sidecar/faults/harness.h"
#include "tests/sidecar/testing/rank_client.h"
#include "tests/worker/e2e/disordering_proxy.h"

namespace sluice::sidecar::testing {
namespace {

class Defects : public Faults {
 protected:
  // What the oracle says of a sidecar with `defect` that is held before a commit and killed there:
  // the ranks have heard by then what it says too early. Early in a run, when most windows make
  // directives.
  void KillBeforeACommit(const std::string& defect, uint64_t progress = 20) {
    const std::string hold = folder_.Path("hold");
    std::filesystem::remove(hold);
    StartSidecar(Faulty({"SLUICE_DEFECT=" + defect, "SLUICE_HOLD_AT=before_commit:" + hold}));
    if (ranks_.empty()) StartRanks();
    EXPECT_TRUE(WaitForProgress(progress));
    std::ofstream(hold) << "on";
    EXPECT_TRUE(WaitUntil([&] { return Stands(); }));
    sidecar_->Kill();
  }
  // True once nothing has been acknowledged for a while. Time has to pass: what was said too early
  // is still on its way when the commit is held, and how much it is nobody knows.
  bool Stands() {
    const uint64_t before = ranks_[0]->acked() + ranks_[1]->acked();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return ranks_[0]->acked() + ranks_[1]->acked() == before;
  }
  std::string InDisorder(const std::string& defect) {
    StartSidecar(Faulty({"SLUICE_DEFECT=" + defect}));
    e2e::DisorderingProxy proxy(sidecar_->grpc(), 1, 0.1);
    SetAddress(proxy.address());
    StartRanks();
    EXPECT_TRUE(WaitForProgress(300));
    return Text(Differences());
  }
};

TEST_F(Defects, AcknowledgingBeforeTheCommitIsSeen) {
  KillBeforeACommit("ack_before_commit");
  StartSidecar();
  EXPECT_NE(Text(Differences()).find("later only"), std::string::npos);
}

TEST_F(Defects, PushingBeforeItIsDurableIsSeen) {
  // Not every commit has a directive: those of a run's beginning have most.
  bool seen = false;
  for (int kill = 0; kill < 20 && !seen; ++kill) {
    ranks_.clear();
    std::filesystem::remove_all(state_);
    for (const std::string& file : files_) std::filesystem::remove(file);
    KillBeforeACommit("push_before_durable", 2 + static_cast<uint64_t>(kill) % 8);
    seen = StoredVersion() < PushedVersion();
  }
  EXPECT_TRUE(seen);
}

TEST_F(Defects, CountingTwiceIsSeen) {
  EXPECT_NE(InDisorder("no_dedup").find("sluice_telemetry_coalesced_total is"), std::string::npos);
}

TEST_F(Defects, TakingAStaleEpochIsSeen) {
  EXPECT_NE(InDisorder("no_fencing").find("the ledger's counters"), std::string::npos);
}

TEST_F(Defects, ALeaseByTheWallClockIsSeen) {
  SLUICE_NEEDS_PRELOAD();
  FakedClock clock(folder_.Path("clock"));
  if (!clock.exists()) SLUICE_PEER_IS_MISSING("libfaketime is not installed (package faketime)");
  Launch launch = Faulty(clock.Environment());
  launch.environment.emplace_back("SLUICE_DEFECT=wall_clock_lease");
  StartSidecar(launch);
  StartRanks();
  ASSERT_TRUE(WaitForProgress(20));
  RankClient early(sidecar_->grpc(), "r");
  EXPECT_EQ(early.Greet("other", kRanks).refusal().reason(), v1::REFUSAL_REASON_LEASE_HELD);
  clock.MoveTo("+1h");
  RankClient late(sidecar_->grpc(), "r");
  EXPECT_TRUE(late.Greet("other", kRanks).has_hello_reply());  // A sound one refuses: clock_test.
}

}  // namespace
}  // namespace sluice::sidecar::testing

// The sidecar killed at random moments and at every point of a commit: what it acknowledged and
// pushed it knows afterwards, and the ledger is what the ranks' own files say.
#include <iostream>
#include <random>
#include <thread>

#include "tests/sidecar/faults/harness.h"

namespace sluice::sidecar::testing {
namespace {

TEST_F(Faults, KilledAtRandomMoments) {
  const int kills = CountOf("SLUICE_SIDECAR_KILLS", 20);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> pause(10, 120);
  StartSidecar();
  StartRanks();
  for (int kill = 0; kill < kills; ++kill) {
    ASSERT_TRUE(WaitForProgress(1));
    // The moment is what is drawn; nothing is waited for.
    std::this_thread::sleep_for(std::chrono::milliseconds(pause(random)));
    sidecar_->Kill();
    EXPECT_GE(StoredVersion(), PushedVersion());
    StartSidecar();
  }
  ASSERT_TRUE(WaitForProgress(1));
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  EXPECT_GE(CountLines(files_[0], "hello"), static_cast<uint64_t>(kills));
  std::cout << kills << " kills under load, " << LastNumber(files_[0], "steps")
            << " steps of each rank, " << differences.size() << " differences" << std::endl;
}

TEST_F(Faults, KilledAtEveryPointOfACommit) {
  int kills = 0;
  StartSidecar();
  StartRanks();
  for (const char* point :
       {"before_begin", "amid_write", "before_commit", "after_commit", "after_ack", "after_push"}) {
    for (int passage : {2, 9, 30}) {
      ASSERT_TRUE(WaitForProgress(1));
      sidecar_->Kill();
      StartSidecar(Faulty({absl::StrCat("SLUICE_FAIL_AT=", point, ":", passage)}));
      ASSERT_TRUE(sidecar_->WaitForDeath()) << point << " was not reached " << passage << " times";
      ++kills;
      EXPECT_GE(StoredVersion(), PushedVersion()) << point;
      StartSidecar();
    }
  }
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  EXPECT_GT(LastNumber(files_[0], "directive"), 0u);
  std::cout << kills << " kills at points of a commit, " << differences.size() << " differences"
            << std::endl;
}

}  // namespace
}  // namespace sluice::sidecar::testing

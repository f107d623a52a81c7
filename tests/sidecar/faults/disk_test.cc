// A disk that is full, that fails, that does not sync, that does not answer: nothing is
// acknowledged meanwhile, the daemon stays, and afterwards nothing is missing.
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "common/file.h"
#include "tests/sidecar/faults/harness.h"

namespace sluice::sidecar::testing {
namespace {

class Disk : public Faults {
 protected:
  Launch OnAFaultyDisk() const {
    Launch launch;
    launch.environment = {std::string("LD_PRELOAD=") + SLUICE_STORE_FAULTS_LIBRARY,
                          "SLUICE_STORE_FAULTS=" + faults_};
    return launch;
  }
  void Begin(const std::string& fault) { std::ofstream(faults_ + fault) << "on"; }
  void End(const std::string& fault) { std::filesystem::remove(faults_ + fault); }
  bool ReadyBecomes(int status) {
    return WaitUntil([&] { return HttpStatus(sidecar_->http(), "/readyz") == status; });
  }
  // What was durable before may still be on its way to the rank; nothing follows it.
  bool AcksStandStill() {
    return WaitUntil([&] {
      const uint64_t acked = ranks_[0]->acked();
      return !WaitUntil([&] { return ranks_[0]->acked() > acked; }, std::chrono::milliseconds(150));
    });
  }
  // The disk fails again and again while ranks go on.
  void FailAgainAndAgain(const std::string& fault, int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(WaitForProgress(20));
      Begin(fault);
      ASSERT_TRUE(ReadyBecomes(503)) << fault;
      EXPECT_EQ(HttpStatus(sidecar_->http(), "/healthz"), 200);
      EXPECT_TRUE(AcksStandStill()) << "acknowledged while " << fault;
      End(fault);
      ASSERT_TRUE(ReadyBecomes(200)) << fault;
    }
  }

  const std::string faults_ = folder_.Path("faults");
};

TEST_F(Disk, FullOrFailingStopsAcknowledgementsAndNotTheDaemon) {
  SLUICE_NEEDS_PRELOAD();
  const int times = CountOf("SLUICE_DISK_FAULTS", 10);
  StartSidecar(OnAFaultyDisk());
  StartRanks(std::chrono::seconds(10));
  FailAgainAndAgain(".full", times);
  FailAgainAndAgain(".write", times);
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  const std::string metrics = HttpGet(sidecar_->http(), "/metrics");
  EXPECT_NE(metrics.find("sluice_state_quarantined 0\n"), std::string::npos);
  std::cout << times << " times full and " << times << " times failing writes, "
            << differences.size() << " differences" << std::endl;
}

// After a sync that failed the kernel may take pages for clean that are not on the disk: a sync
// that succeeds next proves nothing. All of the log must have been written into the file and synced
// there.
TEST_F(Disk, AFailedSyncIsNotTriedAgainAsIfItHadWorked) {
  SLUICE_NEEDS_PRELOAD();
  StartSidecar(OnAFaultyDisk());
  StartRanks(std::chrono::seconds(10));
  FailAgainAndAgain(".sync", 3);
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  std::istringstream log(*ReadFile(faults_ + ".log"));
  bool distrusted = false, file_synced = false;
  int failures = 0;
  for (std::string line; std::getline(log, line);) {
    if (line.rfind("failed ", 0) == 0) {
      failures += distrusted ? 0 : 1;
      distrusted = true;
      file_synced = false;
    }
    if (!distrusted) continue;
    if (line == "synced sluice.db") file_synced = true;
    if (line == "truncated sluice.db-wal" && file_synced) distrusted = false;
    // A commit ends by a sync of the log; one that belongs to moving it comes before the file's.
    if (line == "synced sluice.db-wal") {
      EXPECT_FALSE(file_synced) << "a commit on distrusted pages";
    }
  }
  EXPECT_FALSE(distrusted) << "a log of which a sync failed was used again";
  EXPECT_GE(failures, 3);
}

TEST_F(Disk, AStuckCommitIsNotAliveAndDoesNotHoldUpTheEnd) {
  const std::string hold = folder_.Path("hold");
  StartSidecar(Faulty({"SLUICE_HOLD_AT=before_commit:" + hold}),
               {"--health.stuck_seconds", "1", "--stop.seconds", "1"});
  StartRanks();
  ASSERT_TRUE(WaitForProgress(20));
  std::ofstream(hold) << "on";
  EXPECT_TRUE(WaitUntil([&] { return HttpStatus(sidecar_->http(), "/healthz") == 503; }));
  EXPECT_EQ(HttpStatus(sidecar_->http(), "/readyz"), 503);
  std::filesystem::remove(hold);
  EXPECT_TRUE(WaitUntil([&] { return HttpStatus(sidecar_->http(), "/healthz") == 200; }));
  std::ofstream(hold) << "on";
  ASSERT_TRUE(WaitUntil([&] { return HttpStatus(sidecar_->http(), "/healthz") == 503; }));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(sidecar_->Terminate(), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(6));
  EXPECT_NE(ReadFile(state_ + ".log")->find("something is stuck"), std::string::npos);
  StartSidecar();
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
}

}  // namespace
}  // namespace sluice::sidecar::testing

// Time that is not what it seems: a sidecar that is stopped and goes on, a wall clock that is
// moved.
#include <signal.h>

#include <iostream>
#include <sstream>
#include <thread>

#include "tests/sidecar/faults/faked_clock.h"
#include "tests/sidecar/faults/harness.h"
#include "tests/sidecar/testing/rank_client.h"

namespace sluice::sidecar::testing {
namespace {

TEST_F(Faults, StoppedAndContinued) {
  const std::chrono::seconds pause(CountOf("SLUICE_STOP_SECONDS", 4));
  StartSidecar();
  StartRanks();
  ASSERT_TRUE(WaitForProgress(50));
  ASSERT_EQ(::kill(sidecar_->pid(), SIGSTOP), 0);
  std::this_thread::sleep_for(pause);  // What is tested is the pause.
  ASSERT_EQ(::kill(sidecar_->pid(), SIGCONT), 0);
  ASSERT_TRUE(WaitForProgress(50));
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  std::cout << "stopped for " << pause.count() << " s, " << differences.size() << " differences"
            << std::endl;
}

class MovedClock : public Faults {
 protected:
  // Alerts fire, the lease is lost, the program seems dead: none of it by a wall clock.
  void ExpectUnaffected(const std::string& offset) {
    EXPECT_EQ(HttpStatus(sidecar_->http(), "/healthz"), 200) << offset;
    EXPECT_EQ(HttpStatus(sidecar_->http(), "/readyz"), 200) << offset;
    const std::string metrics = HttpGet(sidecar_->http(), "/metrics");
    std::istringstream lines(metrics);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("sluice_alerts_firing{", 0) != 0) continue;
      EXPECT_EQ(line.substr(line.size() - 2), " 0") << offset << ": " << line;
    }
    EXPECT_NE(metrics.find("sluice_breaker_level{run=\"r\"} 0"), std::string::npos) << offset;
    RankClient other(sidecar_->grpc(), "r");
    EXPECT_EQ(other.Greet("other", kRanks).refusal().reason(), v1::REFUSAL_REASON_LEASE_HELD)
        << offset;
    other.Finish();
    for (const auto& rank : ranks_) EXPECT_EQ(rank->epoch(), 1u) << offset;
  }
};

TEST_F(MovedClock, ByAnHourAndByAYear) {
  SLUICE_NEEDS_PRELOAD();
  FakedClock clock(folder_.Path("clock"));
  if (!clock.exists()) SLUICE_PEER_IS_MISSING("libfaketime is not installed (package faketime)");
  Launch launch;
  launch.environment = clock.Environment();
  StartSidecar(launch, {"--health.stuck_seconds", "2"});
  StartRanks();
  for (const char* offset : {"+1h", "-1h", "+1y", "-1y", "+0"}) {
    ASSERT_TRUE(WaitForProgress(50)) << offset;
    clock.MoveTo(offset);
    ASSERT_TRUE(WaitForProgress(50)) << offset;
    ExpectUnaffected(offset);
  }
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  // Nobody says anything now: its rounds go on by the steady clock.
  clock.MoveTo("-1h");
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_EQ(HttpStatus(sidecar_->http(), "/healthz"), 200);
}

}  // namespace
}  // namespace sluice::sidecar::testing

// Two ranks on two machines, one of which is cut off: both notice it in time, and started again, as
// torchrun or Kubernetes would, they go on from the newest checkpoint once it has healed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/common/peers.h"
#include "tests/worker/e2e/elastic_run.h"
#include "tests/worker/e2e/two_hosts.h"

namespace sluice::e2e {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kTimeout = 6.0;
constexpr std::chrono::seconds kTwiceTheTimeout{12};

int Partitions() {
  const char* partitions = std::getenv("SLUICE_PARTITIONS");
  return partitions != nullptr ? std::atoi(partitions) : 2;
}

class Partition : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = TwoHosts::Missing(); !missing.empty())
      SLUICE_PEER_IS_MISSING(missing);
    folder_ = FreshFolder("run");
    options_ = With(ElasticRun(folder_, std::to_string(40 + 60 * Partitions())),
                    {{"resume", "true"}, {"collective.timeout", std::to_string(kTimeout)}});
    hosts_.emplace();
  }
  std::string Log(int rank) const { return folder_ + "/log" + std::to_string(rank); }
  std::string Said() const {
    return ReadFile(Log(0)).value_or("") + "\n--- rank 1\n" + ReadFile(Log(1)).value_or("");
  }
  // Starts both ranks for the n-th time.
  void StartRanks(int restart) {
    ranks_.clear();
    for (const int rank : {0, 1}) {
      std::vector<std::string> command = {launch::SiblingProgram("sluice-worker").value(), "train"};
      for (const auto& [name, value] : options_) command.push_back("--" + name + "=" + value);
      ranks_.push_back(hosts_->Start(rank, command, RankVariables(rank, restart), Log(rank)));
    }
  }
  // Both end, as failed, before `deadline`.
  void ExpectBothToFail(Clock::time_point deadline) {
    for (launch::ChildProcess& rank : ranks_) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      const auto exit = rank.Wait(std::max(left, std::chrono::milliseconds(0)));
      ASSERT_TRUE(exit.ok()) << "still runs after twice the timeout\n" << Said();
      EXPECT_EQ(exit->code, 1) << exit->ToString() << "\n" << Said();
    }
  }

  std::string folder_;
  Options options_;
  std::optional<TwoHosts> hosts_;
  std::vector<launch::ChildProcess> ranks_;
};

TEST_F(Partition, IsNoticedInTimeAndTheRunGoesOnWhenItHeals) {
  int lost = 0, restart = 0;
  double longest = 0.0;
  StartRanks(restart);
  for (int fault = 0; fault < Partitions(); ++fault) {
    const int before = NewestStep(folder_);
    ASSERT_TRUE(WaitUntil([&] { return NewestStep(folder_) > before; }, std::chrono::minutes(1)))
        << Said();
    const int saved = NewestStep(folder_);
    const bool packets = fault % 2 == 0;
    packets ? hosts_->DropPackets(true) : hosts_->PlugIn(false);
    const auto start = Clock::now();
    ExpectBothToFail(start + kTwiceTheTimeout);
    if (HasFatalFailure()) return;
    longest = std::max(longest, std::chrono::duration<double>(Clock::now() - start).count());
    if (fault == 0) {
      // Whoever starts them again too early sees them end once more.
      StartRanks(++restart);
      ExpectBothToFail(Clock::now() + kTwiceTheTimeout + std::chrono::seconds(10));
      if (HasFatalFailure()) return;
    }
    packets ? hosts_->DropPackets(false) : hosts_->PlugIn(true);
    const size_t resumed = Resumed(Log(0)).size();
    StartRanks(++restart);
    ASSERT_TRUE(
        WaitUntil([&] { return Resumed(Log(0)).size() > resumed; }, std::chrono::minutes(1)))
        << Said();
    lost += std::max(0, saved - Resumed(Log(0)).back());
  }
  for (launch::ChildProcess& rank : ranks_) {
    const auto exit = rank.Wait(std::chrono::minutes(2));
    ASSERT_TRUE(exit.ok() && exit->ok()) << Said();
  }
  std::printf(
      "partition of a rank: faults injected: %d, survived: %d, noticed by both within %.1f s of at "
      "most %.0f, steps lost beyond the last checkpoint: %d\n",
      Partitions(), Partitions(), longest, 2 * kTimeout, lost);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(ReadFile(folder_ + "/model.safetensors").value_or("none"),
            UndisturbedWeights(With(options_, {{"resume", "false"}}), FreshFolder("undisturbed")));
}

}  // namespace
}  // namespace sluice::e2e

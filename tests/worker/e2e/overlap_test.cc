// Over a cable of limited bandwidth between two machines: how much of the sums of gradients the
// backward hides, and what compression leaves on the wire.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/common/peers.h"
#include "tests/worker/e2e/two_hosts.h"
#include "worker/launch/sidecar_process.h"

namespace sluice::e2e {
namespace {

constexpr int kMegabits = 400;

int Rounds() {
  const char* rounds = std::getenv("SLUICE_ROUNDS");
  return rounds != nullptr ? std::atoi(rounds) : 5;
}

class Overlap : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = TwoHosts::Missing(); !missing.empty())
      SLUICE_PEER_IS_MISSING(missing);
    log_ = ::testing::TempDir() + "/sluice-overlap.log";
    ASSERT_TRUE(WriteFileAtomically(log_, "").ok());
    hosts_.emplace();
    hosts_->Limit(kMegabits);
  }
  // What rank 0 measured.
  nlohmann::json Measure(const std::string& compression, int rounds) {
    std::vector<launch::ChildProcess> ranks;
    for (const int rank : {0, 1}) {
      ranks.push_back(hosts_->Start(rank,
                                    {launch::SiblingProgram("sluice_overlap_rank").value(),
                                     compression, std::to_string(rounds)},
                                    RankVariables(rank, 0), log_, rank == 0));
    }
    const auto line = ranks[0].ReadLine(std::chrono::minutes(3));
    for (launch::ChildProcess& rank : ranks) {
      const auto exit = rank.Wait(std::chrono::minutes(1));
      EXPECT_TRUE(exit.ok() && exit->ok()) << ReadFile(log_).value_or("");
    }
    EXPECT_TRUE(line.ok()) << line.status();
    const nlohmann::json found = nlohmann::json::parse(line.value_or("null"), nullptr, false);
    EXPECT_TRUE(found.is_object()) << line.value_or("");
    return found;
  }

  std::string log_;
  std::optional<TwoHosts> hosts_;
};

TEST_F(Overlap, AtLeast70PercentOfWhatCanBeHiddenIs) {
  const nlohmann::json found = Measure("none", Rounds());
  std::printf(
      "overlap at %d Mbit/s, least of %d rounds: backward %.0f ms, sums %.0f ms, together %.0f "
      "ms, hidden %.0f %% of what can be; the rank itself reports %.0f %% of the sums\n",
      kMegabits, Rounds(), 1e3 * found.value("backward", 0.0),
      1e3 * found.value("communication", 0.0), 1e3 * found.value("together", 0.0),
      100 * found.value("hidden", 0.0), 100 * found.value("reported_hidden", 0.0));
  EXPECT_GE(found.value("hidden", 0.0), 0.70) << found;
  // A backward that is shorter than the sums has room for that share of them alone.
  const double room =
      std::min(1.0, found.value("backward", 0.0) / found.value("communication", 1.0));
  EXPECT_GE(found.value("reported_hidden", 0.0), 0.70 * room) << found;
}

TEST_F(Overlap, CompressionHalvesTheBytesOnTheWire) {
  const nlohmann::json whole = Measure("none", 1), half = Measure("bf16", 1);
  const double ratio = half.value("wire_bytes", 0.0) / whole.value("wire_bytes", 1.0);
  std::printf("bytes on the wire for one sum: %.2f MB, in bf16 %.2f MB: %.3f of it\n",
              whole.value("wire_bytes", 0.0) / 1e6, half.value("wire_bytes", 0.0) / 1e6, ratio);
  // Two ranks send each other what they hand over, and headers.
  const double handed = whole.value("bytes", 0.0);
  EXPECT_NEAR(whole.value("wire_bytes", 0.0) / handed, 1.0, 0.05);
  EXPECT_EQ(half.value("bytes", 0.0), handed / 2);
  EXPECT_NEAR(ratio, 0.5, 0.02);
}

}  // namespace
}  // namespace sluice::e2e

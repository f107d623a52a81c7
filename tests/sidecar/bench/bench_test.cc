// The bench against real sidecars, in small.
#include "sidecar/bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/common/count_of.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar {
namespace {

// Bounds of a process's memory: without ranks, and for each rank, relayed or not.
constexpr double kFixedBytes = 64 << 20;
constexpr double kBytesPerRank = 64 << 10;

class BenchTest : public ::testing::Test {
 protected:
  BenchTest() {
    options_.ranks = 24;
    options_.seconds = 1.0;
    options_.json = folder_.path() + "/report.json";
  }
  nlohmann::json Run() {
    const absl::Status status = RunBench(options_, SLUICE_SIDECAR_BINARY);
    EXPECT_TRUE(status.ok()) << status;
    return nlohmann::json::parse(ReadFile(options_.json).value_or("{}"));
  }

  TemporaryFolder folder_;
  BenchOptions options_;
};

TEST_F(BenchTest, StreamsAreMeasuredAndTheLedgerIsExact) {
  const auto report = Run();
  EXPECT_EQ(report.at("ledger"), "exact");
  EXPECT_EQ(report.at("refused"), 0.0);
  EXPECT_GT(report.at("snapshots_per_second"), 0.0);
  EXPECT_GT(report.at("message_bytes"), 100.0);
  EXPECT_GT(report.at("commit_p99_ms"), 0.0);
  EXPECT_GT(report.at("directives"), 0.0);
  EXPECT_GT(report.at("directive_p99_ms"), 0.0);
}

TEST_F(BenchTest, ARateIsKept) {
  options_.rate = 500;
  const auto report = Run();
  EXPECT_EQ(report.at("ledger"), "exact");
  EXPECT_EQ(report.at("ranks"), 24.0);
  EXPECT_LE(report.at("snapshots_per_second"), 550.0);
}

// A soak has many more. The memory is that of a build without a sanitizer.
TEST_F(BenchTest, RanksBehindRealAndSimulatedRelays) {
  options_.ranks = CountOf("SLUICE_BENCH_RANKS", 24);
  options_.relays = CountOf("SLUICE_BENCH_RELAYS", 5);
  options_.relay_processes = CountOf("SLUICE_BENCH_RELAY_PROCESSES", 2);
  options_.seconds = CountOf("SLUICE_BENCH_SECONDS", 2);
  const auto report = Run();
  EXPECT_EQ(report.at("ledger"), "exact");
  EXPECT_EQ(report.at("refused"), 0.0);
  EXPECT_EQ(report.at("relays"), options_.relays);
  EXPECT_EQ(report.at("relay_processes"), options_.relay_processes);
  EXPECT_GT(report.at("directives"), 0.0);
  EXPECT_GT(report.at("relays_merged"), 0.0);
  EXPECT_GT(report.at("sidecar_peak_bytes"), 1e6);
  EXPECT_GT(report.at("relay_peak_bytes"), 1e6);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(report.at("sidecar_peak_bytes"), kFixedBytes + kBytesPerRank * options_.ranks);
  const double ranks_of_relay = static_cast<double>(options_.ranks) / options_.relays + 1.0;
  EXPECT_LT(report.at("relay_peak_bytes"), kFixedBytes + kBytesPerRank * ranks_of_relay);
#endif
}

TEST_F(BenchTest, ASidecarThatIsThereAlready) {
  testing::SidecarProcess sidecar(folder_.path() + "/state");
  options_.target = sidecar.grpc();
  EXPECT_EQ(Run().at("ledger"), "exact");
  // Its ledger has the first load already, which the second knows nothing of.
  EXPECT_FALSE(RunBench(options_, SLUICE_SIDECAR_BINARY).ok());
}

}  // namespace
}  // namespace sluice::sidecar

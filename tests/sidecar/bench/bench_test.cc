// The bench against real sidecars, in small.
#include "sidecar/bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar {
namespace {

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

TEST_F(BenchTest, ASidecarThatIsThereAlready) {
  testing::SidecarProcess sidecar(folder_.path() + "/state");
  options_.target = sidecar.grpc();
  EXPECT_EQ(Run().at("ledger"), "exact");
  // Its ledger has the first load already, which the second knows nothing of.
  EXPECT_FALSE(RunBench(options_, SLUICE_SIDECAR_BINARY).ok());
}

}  // namespace
}  // namespace sluice::sidecar

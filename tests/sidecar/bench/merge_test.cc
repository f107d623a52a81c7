#include "sidecar/bench/merge.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

TEST(BenchMerge, MeasuresBothRates) {
  const TemporaryFolder folder;
  Report report;
  BenchOptions options;
  options.ranks = 4;
  options.seconds = 0.1;
  BenchMerge(options, report);
  ASSERT_TRUE(report.Print(folder.path() + "/r.json").ok());
  const auto json = nlohmann::json::parse(*ReadFile(folder.path() + "/r.json"));
  EXPECT_GT(json.at("merged_per_second"), json.at("parsed_and_merged_per_second"));
  EXPECT_GT(json.at("parsed_and_merged_per_second"), 0.0);
}

}  // namespace
}  // namespace sluice::sidecar

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::train::testing {

// A bench of a small vit_nano on one thread; `Config` is StepBenchConfig or derived from it.
template <typename Config>
Config SmallBench(int64_t depth, int64_t dim, int64_t batch) {
  Config config;
  config.model.preset = "vit_nano";
  config.model.depth = depth;
  config.model.dim = dim;
  config.model.heads = 2;
  config.batch = batch;
  config.threads = 1;
  return config;
}

// The rows of a bench's report; none, and a failed test, if there is no report.
inline nlohmann::json RowsOf(const absl::StatusOr<std::string>& report) {
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? nlohmann::json::parse(*report).at("rows") : nlohmann::json::array();
}

}  // namespace sluice::train::testing

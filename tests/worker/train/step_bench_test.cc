#include "worker/train/step_bench.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/worker/train/small_bench.h"
#include "worker/gate/flops.h"

namespace sluice::train {
namespace {

StepBenchConfig SmallSteps() {
  auto config = testing::SmallBench<StepBenchConfig>(/*depth=*/3, /*dim=*/32, /*batch=*/4);
  config.rounds = 2;
  return config;
}

TEST(StepBenchTest, OneRowForEveryModeAndRate) {
  StepBenchConfig config = SmallSteps();
  config.rates = {0.25, 1.0};
  const nlohmann::json rows = testing::RowsOf(RunStepBench(config));
  ASSERT_EQ(rows.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(rows[i].at("mode"), i < 2 ? "compact" : "selective");
    EXPECT_EQ(rows[i].at("batch"), 4);
    EXPECT_GT(rows[i].at("step_ms").get<double>(), 0.0);
    EXPECT_GT(rows[i].at("ratio_to_dense").get<double>(), 0.0);
    EXPECT_LE(rows[i].at("saved_bytes"), rows[i].at("peak_bytes"));
  }
  // Fewer open rows keep less; everything open is dense.
  EXPECT_LT(rows[0].at("saved_bytes"), rows[1].at("saved_bytes"));
  EXPECT_LT(rows[0].at("ideal_ratio").get<double>(), 0.6);
  EXPECT_DOUBLE_EQ(rows[1].at("ideal_ratio").get<double>(), 1.0);
}

TEST(StepBenchTest, WhatDoesNotFitIsRefused) {
  StepBenchConfig config = SmallSteps();
  config.layers = {3};
  EXPECT_TRUE(SaysInvalid(RunStepBench(config).status(), {"gate.layer", "'3'", "depth, 3"}));
  config = SmallSteps();
  config.model.heads = 5;
  EXPECT_TRUE(SaysInvalid(RunStepBench(config).status(), {"model.dim", "multiple"}));
}

}  // namespace
}  // namespace sluice::train

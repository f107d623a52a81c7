#include "worker/train/memory_bench.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/worker/train/small_bench.h"

namespace sluice::train {
namespace {

MemoryBenchConfig SmallMemory() {
  auto config = testing::SmallBench<MemoryBenchConfig>(/*depth=*/4, /*dim=*/128, /*batch=*/16);
  config.modes = {"dense", "compact", "selective"};
  config.rates = {0.25, 1.0};
  config.activations = {"fp32", "bf16", "fp8"};
  return config;
}

// The plan is counted from shapes alone, the bytes are LibTorch's.
TEST(MemoryBenchTest, ThePlanIsWithinFivePercentOfWhatIsMeasured) {
  const nlohmann::json rows = testing::RowsOf(RunMemoryBench(SmallMemory()));
  ASSERT_EQ(rows.size(), 3u * (1 + 2 + 2));
  for (const nlohmann::json& row : rows) {
    SCOPED_TRACE(row.dump());
    const double measured = row.at("saved_bytes").get<double>();
    EXPECT_NEAR(row.at("planned_saved_bytes").get<double>() / measured, 1.0, 0.05);
    EXPECT_NEAR(row.at("planned_over_measured").get<double>(), 1.0, 0.05);
    // The untrained head is a parameter, too.
    const double gradients = row.at("gradient_bytes").get<double>();
    EXPECT_NEAR(row.at("parameter_bytes").get<double>() / gradients, 1.0, 0.01);
    EXPECT_GE(row.at("gradient_cosine").get<double>(), 0.999);
    if (row.at("activations") == "fp32") {
      EXPECT_EQ(row.at("gradient_cosine"), 1.0);
    }
  }
}

TEST(MemoryBenchTest, ThePlanHoldsForOtherModels) {
  for (const char* preset : {"vit_small_patch14_dinov2", "vit_large_patch14_clip_quickgelu"}) {
    for (const std::string pool : {"token", "avg"}) {
      MemoryBenchConfig config = SmallMemory();
      config.model.preset = preset;
      config.model.pool = pool;
      config.model.image_size = 56;
      config.rates = {0.5};
      for (const nlohmann::json& row : testing::RowsOf(RunMemoryBench(config))) {
        const double measured = row.at("saved_bytes").get<double>();
        EXPECT_NEAR(row.at("planned_saved_bytes").get<double>() / measured, 1.0, 0.05)
            << preset << ' ' << pool << ' ' << row.dump();
      }
    }
  }
}

TEST(MemoryBenchTest, CheckpointingAndAutocastArePlannedToo) {
  MemoryBenchConfig config = SmallMemory();
  config.activations = {"fp32"};
  config.memory.autocast = "bf16";
  for (const nlohmann::json& row : testing::RowsOf(RunMemoryBench(config))) {
    EXPECT_NEAR(row.at("planned_saved_bytes").get<double>() / row.at("saved_bytes").get<double>(),
                1.0, 0.05)
        << row.dump();
  }
  config.memory.autocast = "off";
  config.memory.checkpointing = true;
  config.modes = {"dense", "compact"};
  for (const nlohmann::json& row : testing::RowsOf(RunMemoryBench(config))) {
    EXPECT_NEAR(row.at("planned_saved_bytes").get<double>() / row.at("saved_bytes").get<double>(),
                1.0, 0.05)
        << row.dump();
  }
}

TEST(MemoryBenchTest, WhatDoesNotFitIsRefused) {
  MemoryBenchConfig config = SmallMemory();
  config.activations = {"fp4"};
  EXPECT_TRUE(SaysInvalid(RunMemoryBench(config).status(), {"memory.activations", "fp4"}));
  config = SmallMemory();
  config.memory.checkpointing = true;
  EXPECT_TRUE(SaysInvalid(RunMemoryBench(config).status(), {"memory.checkpointing", "selective"}));
}

}  // namespace
}  // namespace sluice::train

#include "worker/train/kernel_bench.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace sluice::train {
namespace {

TEST(KernelBenchTest, ARowPerKernelShapeAndNumberOfClasses) {
  KernelBenchConfig config;
  config.classes = {2, 33};
  config.megabytes = 1;
  config.batch = 17;
  config.tokens = 5;
  config.threads = at::get_num_threads();
  config.rounds = 1;
  const absl::StatusOr<std::string> text = RunKernelBench(config);
  ASSERT_TRUE(text.ok()) << text.status();
  std::set<std::string> kernels;
  const nlohmann::json rows = nlohmann::json::parse(*text).at("rows");
  for (const nlohmann::json& row : rows) {
    const std::string kernel = row["kernel"];
    kernels.insert(kernel);
    const double kernel_us = row["kernel_us"], operators_us = row["operators_us"];
    EXPECT_GT(kernel_us, 0.0);
    EXPECT_NEAR(row["operators_over_kernel"].get<double>(), operators_us / kernel_us, 1e-6);
    const double megabytes = row["megabytes"], speed = row["gigabytes_per_second"];
    EXPECT_NEAR(speed, 1e3 * megabytes / kernel_us, 1e-6 * speed);
    const double read = row["read_gigabytes_per_second"];
    EXPECT_NEAR(row["bandwidth_share"].get<double>(), speed / read, 1e-6 * speed / read);
    const int64_t images = row["images"], classes = row["classes"];
    if (classes == 0) continue;
    EXPECT_EQ(row["tokens"], 5);
    // A batch, or what fills the megabytes but for an image.
    EXPECT_TRUE(images == 17 || images == 1'000'000 / (4 * 5 * classes)) << images;
    EXPECT_NEAR(megabytes, 4e-6 * static_cast<double>(images * 5 * classes), 1e-9);
  }
  EXPECT_THAT(kernels,
              ::testing::IsSupersetOf({"attention", "attention_entropy", "attention_ragged",
                                       "image_entropy", "token_entropy", "token_information"}));
}

}  // namespace
}  // namespace sluice::train

#include "sidecar/engine/down_sample.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::sidecar {
namespace {

std::shared_ptr<const WindowRecord> WindowAt(uint64_t serial, double mean = 0.5) {
  WindowRecord window;
  window.run = "r";
  window.serial = serial;
  window.first_step = 10 * serial - 9;
  window.last_step = 10 * serial;
  window.coverage = serial % 2 == 0 ? 1.0 : 0.5;
  window.layers.push_back({2, 0.3, 0.25, mean, 0.5, 0.1, 0.4});
  window.loss = static_cast<double>(serial);
  return std::make_shared<const WindowRecord>(window);
}

TEST(DownSample, ValuesAreAveragedByWhatTheyStandFor) {
  WindowRecord both = MergeWindows({WindowAt(1, 0.2), WindowAt(2, 0.4)});
  EXPECT_EQ(both.serial, 1u);
  EXPECT_EQ(both.merged, 2u);
  EXPECT_EQ(both.first_step, 1u);
  EXPECT_EQ(both.last_step, 20u);
  EXPECT_DOUBLE_EQ(both.coverage, 0.75);
  EXPECT_DOUBLE_EQ(both.layers[0].mean, 0.3);
  // Of the values: their own spread and that of the means.
  EXPECT_NEAR(both.layers[0].stddev, std::sqrt(0.1 * 0.1 + 0.1 * 0.1), 1e-12);
  EXPECT_DOUBLE_EQ(*both.loss, 1.5);
  const WindowRecord three =
      MergeWindows({std::make_shared<const WindowRecord>(both), WindowAt(3, 0.9)});
  EXPECT_EQ(three.merged, 3u);
  EXPECT_DOUBLE_EQ(three.layers[0].mean, (0.2 + 0.4 + 0.9) / 3);
}

TEST(DownSample, OldOnesGetCoarserAndEveryStepStaysCoveredOnce) {
  HistoryOptions options;
  options.windows = 16;
  options.merge = 4;
  History history;
  for (uint64_t serial = 1; serial <= 20000; ++serial) {
    history.push_back(WindowAt(serial));
    for (const WindowRecord& made : DownSample(options, history)) EXPECT_EQ(made.merged % 4, 0u);
  }
  EXPECT_LT(history.size(), 150u);
  uint64_t step = 0, serial = 1, coarser = UINT64_MAX;
  for (const auto& window : history) {
    EXPECT_EQ(window->first_step, step + 1);
    EXPECT_EQ(window->serial, serial);
    EXPECT_LE(window->merged, coarser);
    step = window->last_step;
    serial += window->merged;
    coarser = window->merged;
  }
  EXPECT_EQ(step, 200000u);
  EXPECT_EQ(history[history.size() - 16]->merged, 1u);
}

TEST(DownSample, TwoTrainingsAreNotMerged) {
  HistoryOptions options;
  options.windows = 16;
  options.merge = 4;
  History history;
  for (uint64_t serial = 1; serial <= 30; ++serial) {
    auto window = std::make_shared<WindowRecord>(*WindowAt(serial));
    if (serial > 2) {
      window->first_step -= 20;
      window->last_step -= 20;
    }
    history.push_back(window);
    DownSample(options, history);
  }
  EXPECT_EQ(history[0]->last_step, 20u);
  EXPECT_EQ(history[0]->merged, 2u);
  EXPECT_EQ(history[1]->first_step, 1u);
}

}  // namespace
}  // namespace sluice::sidecar

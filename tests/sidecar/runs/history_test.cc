#include "sidecar/runs/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A run with `windows` windows of ten steps each.
RunView RunOf(uint64_t windows) {
  History history;
  for (uint64_t i = 0; i < windows; ++i) {
    WindowRecord window;
    window.run = "r";
    window.serial = i + 1;
    window.first_step = 10 * i + 1;
    window.last_step = 10 * (i + 1);
    history.push_back(std::make_shared<const WindowRecord>(window));
  }
  RunView run;
  run.history = std::make_shared<const History>(std::move(history));
  return run;
}

// Last steps of the windows that come for these bounds.
std::vector<uint64_t> Ask(const RunView& run, uint64_t first, uint64_t last, uint32_t limit) {
  v1::GetHistoryRequest request;
  request.set_first_step(first);
  request.set_last_step(last);
  request.set_limit(limit);
  v1::GetHistoryResponse response;
  HistoryToProto(run, request, &response);
  std::vector<uint64_t> steps;
  for (const auto& window : response.windows()) steps.push_back(window.last_step());
  return steps;
}

TEST(History, WithoutBoundsAllOfItComesOldestFirst) {
  EXPECT_THAT(Ask(RunOf(4), 0, 0, 0), ElementsAre(10, 20, 30, 40));
  EXPECT_THAT(Ask(RunOf(0), 0, 0, 0), IsEmpty());
}

TEST(History, AWindowThatABoundCutsComesWhole) {
  const RunView run = RunOf(5);
  EXPECT_THAT(Ask(run, 20, 31, 0), ElementsAre(20, 30, 40));
  EXPECT_THAT(Ask(run, 21, 30, 0), ElementsAre(30));
  EXPECT_THAT(Ask(run, 25, 25, 0), ElementsAre(30));
  EXPECT_THAT(Ask(run, 0, 1, 0), ElementsAre(10));
  EXPECT_THAT(Ask(run, 50, 0, 0), ElementsAre(50));
}

TEST(History, BoundsBesideItOrInTheWrongOrderGiveNothing) {
  const RunView run = RunOf(5);
  EXPECT_THAT(Ask(run, 51, 0, 0), IsEmpty());
  EXPECT_THAT(Ask(run, UINT64_MAX, UINT64_MAX, 0), IsEmpty());
  EXPECT_THAT(Ask(run, 31, 20, 0), IsEmpty());
}

TEST(History, ALimitKeepsTheNewest) {
  const RunView run = RunOf(5);
  EXPECT_THAT(Ask(run, 0, 0, 2), ElementsAre(40, 50));
  EXPECT_THAT(Ask(run, 0, 35, 2), ElementsAre(30, 40));
  EXPECT_THAT(Ask(run, 0, 0, UINT32_MAX), ElementsAre(10, 20, 30, 40, 50));
}

TEST(History, WithoutALimitItIsAThousandWindows) {
  const std::vector<uint64_t> steps = Ask(RunOf(1003), 0, 0, 0);
  ASSERT_EQ(steps.size(), 1000u);
  EXPECT_EQ(steps.front(), 40u);
  EXPECT_EQ(steps.back(), 10030u);
}

}  // namespace
}  // namespace sluice::sidecar

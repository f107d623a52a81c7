#include "worker/dist/control.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/worker/dist/ranks.h"

namespace sluice::dist {
namespace {

using testing::RunRanks;

ControlResult Exchange(Group& group, const ControlInput& input,
                       const std::vector<double>& statistics = {0.0},
                       std::vector<double>* sums = nullptr) {
  ControlExchange exchange(group);
  exchange.Start(input);
  exchange.StartStatistics(statistics);
  absl::StatusOr<ControlResult> result = exchange.Finish();
  EXPECT_TRUE(result.ok()) << result.status();
  if (sums != nullptr) *sums = exchange.statistics();
  return *std::move(result);
}

TEST(ControlTest, SumsHaveTheirClosedForms) {
  for (const int size : {1, 2, 3}) {
    RunRanks(size, [size](Group& group) {
      const int64_t r = group.rank() + 1;
      ControlInput input{r, 10 * r, 100 * r, 1000 * r};
      std::vector<double> sums;
      const ControlResult result = Exchange(group, input, {0.5 * r, -2.0}, &sums);
      const int64_t total = size * (size + 1) / 2;
      EXPECT_EQ(result.images, total);
      EXPECT_EQ(result.images_open, 10 * total);
      EXPECT_EQ(result.tokens, 100 * total);
      EXPECT_EQ(result.tokens_open, 1000 * total);
      EXPECT_FALSE(result.stop);
      EXPECT_TRUE(result.versions_agree);
      EXPECT_EQ(result.offered_version, 0u);
      EXPECT_EQ(sums, (std::vector<double>{0.5 * total, -2.0 * size}));
    });
  }
}

TEST(ControlTest, OneExchangeServesStepAfterStep) {
  RunRanks(2, [](Group& group) {
    ControlExchange exchange(group);
    for (int64_t step = 1; step <= 20; ++step) {
      ControlInput input;
      input.images = step;
      exchange.Start(input);
      exchange.StartStatistics({static_cast<double>(step)});
      const auto result = exchange.Finish();
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->images, 2 * step);
      EXPECT_EQ(exchange.statistics()[0], 2.0 * step);
    }
  });
}

TEST(ControlTest, AStopOfOneRankIsSeenByAll) {
  for (const int who : {0, 1, 2}) {
    RunRanks(3, [who](Group& group) {
      ControlInput input;
      input.stop = group.rank() == who;
      EXPECT_TRUE(Exchange(group, input).stop);
    });
  }
}

TEST(ControlTest, AnOfferOfRankZeroReachesAll) {
  RunRanks(3, [](Group& group) {
    ControlInput input;
    if (group.rank() == 0) {
      input.offered_version = 41;
      input.offered_bytes = 777;
    }
    const ControlResult result = Exchange(group, input);
    EXPECT_EQ(result.offered_version, 41u);
    EXPECT_EQ(result.offered_bytes, 777);
  });
}

TEST(ControlTest, EveryMismatchOfVersionsIsSeenByAllRanks) {
  // In (1, 2, 3) the mean is the version of rank 1, and in (0, 0, 3) two ranks agree.
  const std::vector<std::vector<uint64_t>> unequal = {{1, 2, 3}, {2, 1, 3}, {0, 0, 3}, {7, 7, 8},
                                                      {0, 1, 0}, {5, 4},    {0, 1}};
  for (const auto& versions : unequal) {
    RunRanks(static_cast<int>(versions.size()), [&versions](Group& group) {
      ControlInput input;
      input.applied_version = versions[group.rank()];
      EXPECT_FALSE(Exchange(group, input).versions_agree) << versions[group.rank()];
    });
  }
}

TEST(ControlTest, EqualVersionsAgreeHoweverLarge) {
  for (const uint64_t version : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 33, uint64_t{1} << 62}) {
    RunRanks(3, [version](Group& group) {
      ControlInput input;
      input.applied_version = version;
      EXPECT_TRUE(Exchange(group, input).versions_agree) << version;
    });
  }
}

TEST(ControlTest, AMismatchNamesEveryRanksVersion) {
  RunRanks(3, [](Group& group) {
    const absl::Status status = DescribeMismatch(group, 10 + group.rank(), 6);
    EXPECT_TRUE(Says(status, absl::StatusCode::kAborted,
                     {"step 6", "rank 0 version 10", "rank 1 version 11", "rank 2 version 12"}));
  });
}

}  // namespace
}  // namespace sluice::dist

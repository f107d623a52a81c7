#include "worker/train/join.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/worker/dist/ranks.h"

namespace sluice::train {
namespace {

TEST(JoinTest, RankZerosTextIsEveryRanks) {
  dist::testing::RunRanks(3, [](dist::Group& group) {
    for (const std::string& text : {std::string(), std::string("here"), std::string(256, 'x')})
      EXPECT_EQ(ShareText(group, group.rank() == 0 ? text : "mine").value(), text);
  });
}

TEST(JoinTest, OtherOptionsAreNoticedOnEveryRank) {
  dist::testing::RunRanks(3, [](dist::Group& group) {
    EXPECT_TRUE(CheckSameConfiguration(group, "[train]\nlr = 1\n").ok());
    const absl::Status status =
        CheckSameConfiguration(group, group.rank() == 1 ? "[train]\nlr = 2\n" : "");
    const std::string other = group.rank() == 1 ? "rank 0" : "rank 1";
    EXPECT_TRUE(SaysInvalid(status, {other + " has another configuration"}));
  });
}

TEST(JoinTest, ARankThatDoesNotComeIsNamed) {
  config::TrainConfig config;
  config.collective_timeout = 0.5;
  launch::RankEnvironment env;
  env.rank = 1;
  env.world_size = 2;
  env.master_address = "127.0.0.1";
  env.master_port = 1;  // Nobody serves a store there.
  EXPECT_TRUE(Says(JoinRanks(config, env, false).status(), absl::StatusCode::kUnavailable,
                   {"127.0.0.1:1"}));
}

}  // namespace
}  // namespace sluice::train

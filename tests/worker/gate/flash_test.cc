#include "worker/gate/flash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::gate {
namespace {

TEST(SequenceStarts, StandWhereSequencesBegin) {
  SequenceStarts starts;
  EXPECT_THAT(starts.starts, testing::ElementsAre(0));
  starts.Add(2, 5);
  starts.Add(1, 3);
  starts.Add(2, 1);
  EXPECT_THAT(starts.starts, testing::ElementsAre(0, 5, 10, 13, 14, 15));
  EXPECT_EQ(starts.longest, 5);
}

TEST(RaggedAttention, IsNotForProcessors) {
  EXPECT_FALSE(HasRaggedAttention(torch::zeros({2, 6})));
  EXPECT_FALSE(HasRaggedAttention(torch::zeros({2, 6}, torch::kBFloat16)));
}

}  // namespace
}  // namespace sluice::gate

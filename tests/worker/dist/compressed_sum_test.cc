#include "worker/dist/compressed_sum.h"

#include <gtest/gtest.h>

#include "tests/worker/dist/ranks.h"

namespace sluice::dist {
namespace {

using testing::RunRanks;

torch::Tensor ValuesOf(int rank, int64_t count) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(rank) + 7);
  return torch::randn({count}, generator) * (rank + 1);
}

// What the header says, in one process.
torch::Tensor Expected(int size, int64_t count) {
  torch::Tensor sum;
  for (int rank = 0; rank < size; ++rank) {
    const torch::Tensor sent = ValuesOf(rank, count).to(torch::kBFloat16).to(torch::kFloat);
    sum = sum.defined() ? sum + sent : sent;
  }
  return sum.to(torch::kBFloat16).to(torch::kFloat);
}

TEST(CompressedSumTest, PartsAreAddedInFloatInTheOrderOfRanks) {
  for (const int size : {2, 3}) {
    RunRanks(
        size,
        [size](Group& group) {
          CompressedSum sums(group.second_group(), size);
          // Also fewer values than ranks, and counts that the ranks do not divide.
          std::vector<torch::Tensor> values;
          std::vector<c10::intrusive_ptr<c10::ivalue::Future>> done;
          for (const int64_t count : {1, 2, 9, 10'007}) {
            values.push_back(ValuesOf(group.rank(), count));
            done.push_back(sums.Sum(values.back()));
          }
          for (size_t i = 0; i < values.size(); ++i) {
            done[i]->waitAndThrow();
            EXPECT_TRUE(values[i].equal(Expected(size, values[i].numel()))) << i;
            EXPECT_TRUE(done[i]->value().toTensor().is_same(values[i]));
          }
        },
        30.0, /*second=*/true);
  }
}

TEST(CompressedSumTest, ADeadRankFailsThisSumAndAllThatFollow) {
  RunRanks(
      2,
      [](Group& group) {
        CompressedSum sums(group.second_group(), 2);
        if (group.rank() == 1) return;
        torch::Tensor first = torch::ones({8}), second = torch::ones({8});
        const auto start = std::chrono::steady_clock::now();
        const auto one = sums.Sum(first), two = sums.Sum(second);
        EXPECT_THROW(one->waitAndThrow(), std::exception);
        EXPECT_THROW(two->waitAndThrow(), std::exception);
        EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8))
            << "twice the timeout: the second must not wait for its own";
      },
      4.0, /*second=*/true);
}

TEST(CompressedSumTest, ItEndsWhileSumsAreWaiting) {
  RunRanks(
      2,
      [](Group& group) {
        c10::intrusive_ptr<c10::ivalue::Future> last;
        {
          CompressedSum sums(group.second_group(), 2);
          for (int i = 0; i < 20; ++i) last = sums.Sum(torch::ones({100'000}));
        }
        EXPECT_TRUE(last->completed());
      },
      10.0, /*second=*/true);
}

}  // namespace
}  // namespace sluice::dist

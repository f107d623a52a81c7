#include "worker/dist/process_group.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>

#include "absl/strings/str_cat.h"
#include "tests/common/says.h"
#include "tests/worker/dist/ranks.h"

namespace sluice::dist {
namespace {

using Clock = std::chrono::steady_clock;
using testing::RunRanks;

bool IsOneLine(const absl::Status& status) {
  return status.message().find('\n') == absl::string_view::npos;
}

TEST(ProcessGroupTest, SumHasItsClosedForm) {
  for (const int size : {1, 2, 3}) {
    RunRanks(size, [size](Group& group) {
      for (const auto type : {torch::kLong, torch::kDouble, torch::kFloat}) {
        torch::Tensor values = torch::arange(1, 1001, type) * (group.rank() + 1);
        ASSERT_TRUE(group.Sum(values).ok());
        EXPECT_TRUE(values.equal(torch::arange(1, 1001, type) * (size * (size + 1) / 2)));
      }
    });
  }
}

TEST(ProcessGroupTest, BroadcastGivesTheBytesOfRankZero) {
  RunRanks(3, [](Group& group) {
    std::vector<uint8_t> bytes(300);
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = group.rank() == 0 ? static_cast<uint8_t>(i) : 77;
    ASSERT_TRUE(group.Broadcast(bytes).ok());
    for (size_t i = 0; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], static_cast<uint8_t>(i));
  });
}

TEST(ProcessGroupTest, GatherIsInRankOrder) {
  for (const int size : {1, 3}) {
    RunRanks(size, [size](Group& group) {
      const auto all = group.Gather(torch::full({2}, 10 * group.rank(), torch::kLong));
      ASSERT_TRUE(all.ok()) << all.status();
      ASSERT_EQ(static_cast<int>(all->size()), size);
      for (int rank = 0; rank < size; ++rank)
        EXPECT_TRUE((*all)[rank].equal(torch::full({2}, 10 * rank, torch::kLong)));
    });
  }
}

TEST(ProcessGroupTest, NoRankLeavesABarrierBeforeTheLastEntered) {
  std::atomic<int> entered = 0;
  RunRanks(3, [&](Group& group) {
    for (int round = 1; round <= 20; ++round) {
      ++entered;
      ASSERT_TRUE(group.Barrier().ok());
      EXPECT_GE(entered.load(), 3 * round);
    }
  });
}

TEST(ProcessGroupTest, AGroupOfOneNeedsNobody) {
  absl::StatusOr<Group> group = Group::Alone();
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->size(), 1);
  torch::Tensor values = torch::ones({3});
  ASSERT_TRUE(group->Sum(values).ok());
  EXPECT_TRUE(values.equal(torch::ones({3})));
}

TEST(ProcessGroupTest, GuardKeepsTheFirstLineOfAnException) {
  EXPECT_TRUE(Guard("sum", [] {}).ok());
  const absl::Status ours = Guard("sum", [] { TORCH_CHECK(false, "first\nsecond"); });
  EXPECT_TRUE(Says(ours, absl::StatusCode::kUnavailable, {"sum: first"}));
  EXPECT_TRUE(IsOneLine(ours)) << ours;
  const absl::Status theirs = Guard("sum", [] { throw std::runtime_error("first\nsecond"); });
  EXPECT_TRUE(Says(theirs, absl::StatusCode::kUnavailable, {"sum: first"}));
  EXPECT_TRUE(IsOneLine(theirs)) << theirs;
}

TEST(ProcessGroupTest, AMissingRankEndsJoinWithinTheTimeout) {
  GroupOptions options;
  options.size = 2;
  options.timeout_seconds = 0.5;
  const auto start = Clock::now();
  const absl::Status status =
      Group::JoinOver(c10::make_intrusive<c10d::HashStore>(), options).status();
  EXPECT_TRUE(Says(status, absl::StatusCode::kUnavailable, {"rank 0 of 2 joins the group"}));
  EXPECT_TRUE(IsOneLine(status)) << status;
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(15));
}

TEST(ProcessGroupTest, ASilentRankEndsASumWithinTheTimeout) {
  std::latch done(1);
  RunRanks(
      2,
      [&done](Group& group) {
        if (group.rank() == 1) return done.wait();
        torch::Tensor values = torch::ones({8});
        const auto start = Clock::now();
        const absl::Status status = group.Sum(values);
        EXPECT_TRUE(Says(status, absl::StatusCode::kUnavailable, {"all-reduce"}));
        EXPECT_TRUE(IsOneLine(status)) << status;
        EXPECT_LT(Clock::now() - start, std::chrono::seconds(15));
        done.count_down();
      },
      2.0);
}

// The ranks `from` to `from + 1` of one generation sum `value`.
void JoinAndSum(const GroupOptions& options, const c10::intrusive_ptr<c10d::Store>& store,
                double value, std::optional<Group>& group) {
  absl::StatusOr<Group> joined = store ? Group::JoinOver(store, options) : Group::Join(options);
  ASSERT_TRUE(joined.ok()) << joined.status();
  group.emplace(*std::move(joined));
  torch::Tensor values = torch::full({4}, value, torch::kDouble);
  ASSERT_TRUE(group->Sum(values).ok());
  EXPECT_TRUE(values.equal(torch::full({4}, 2 * value, torch::kDouble)));
}

TEST(ProcessGroupTest, GenerationsDoNotMeetInOneStore) {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  std::vector<std::optional<Group>> groups(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      GroupOptions options;
      options.rank = i % 2;
      options.size = 2;
      options.timeout_seconds = 30;
      options.prefix = absl::StrCat(i / 2);
      JoinAndSum(options, store, 1.0 + i / 2, groups[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ProcessGroupTest, RanksJoinOverAServedStore) {
  uint16_t port = 0;
  const auto store = ServeStore(&port);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_NE(port, 0);
  std::vector<std::optional<Group>> groups(2);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      GroupOptions options;
      options.rank = rank;
      options.size = 2;
      options.master_port = port;
      options.timeout_seconds = 30;
      JoinAndSum(options, nullptr, 3.0, groups[rank]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ProcessGroupTest, AnUnreachableStoreIsNamed) {
  uint16_t port = 0;
  {
    const auto store = ServeStore(&port);
    ASSERT_TRUE(store.ok()) << store.status();
  }
  GroupOptions options;
  options.master_port = port;
  options.timeout_seconds = 1.0;
  const absl::Status status = Group::Join(options).status();
  EXPECT_TRUE(Says(status, absl::StatusCode::kUnavailable, {absl::StrCat("127.0.0.1:", port)}));
  EXPECT_TRUE(IsOneLine(status)) << status;
}

}  // namespace
}  // namespace sluice::dist

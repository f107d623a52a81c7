// Many threads ask while one obeys: what goes in comes out, once.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "tests/worker/service/reply.h"
#include "tests/worker/service/training_loop.h"

namespace sluice::service {
namespace {

constexpr int kAskers = 6;
constexpr int kRequests = 1000;  // Of each asker.

struct Asked {
  size_t kind;  // Index into kKinds.
  Reply reply;
};

constexpr void (CommandBoard::*kKinds[])(Answered) = {&CommandBoard::Pause, &CommandBoard::Resume,
                                                      &CommandBoard::SaveCheckpoint,
                                                      &CommandBoard::Drain};
constexpr size_t kDrain = 3;

// Asks for anything but a drain; waits for about every second answer.
std::vector<Asked> AskMuch(CommandBoard& board, uint32_t seed) {
  std::mt19937 draw(seed);
  std::vector<Asked> asked;
  for (int i = 0; i < kRequests; ++i) {
    asked.push_back({draw() % kDrain, Reply()});
    (board.*kKinds[asked.back().kind])(asked.back().reply.handle());
    if (draw() % 2 == 0 && !asked.back().reply.Await()) {
      ADD_FAILURE() << "no answer to a request of kind " << asked.back().kind << ", seed " << seed;
      break;
    }
  }
  return asked;
}

TEST(BoardStress, EveryRequestIsAnsweredOnce) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  CommandBoard board{RankStatus()};
  TrainingLoop training(&board);
  std::vector<std::vector<Asked>> asked(kAskers);
  std::vector<std::thread> askers;
  for (uint32_t a = 0; a < kAskers; ++a) {
    askers.emplace_back([&, a] { asked[a] = AskMuch(board, seed + a); });
  }
  for (std::thread& asker : askers) asker.join();
  const Asked last{kDrain, Reply()};
  board.Drain(last.reply.handle());
  EXPECT_TRUE(last.reply.Await());
  training.Join();
  board.Close();
  EXPECT_EQ(last.reply.count(), 1u);

  std::map<std::pair<size_t, absl::StatusCode>, int> answers;  // By kind of request.
  for (const auto& of_one : asked) {
    for (const Asked& one : of_one) ++answers[{one.kind, one.reply.only().status().code()}];
  }
  int sum = 0;  // INTERNAL: none, or more than one.
  // A pause that is still open when the drain is obeyed fails its precondition: the run is ending.
  for (const auto code : {absl::StatusCode::kOk, absl::StatusCode::kAborted,
                          absl::StatusCode::kUnavailable, absl::StatusCode::kFailedPrecondition}) {
    for (size_t kind = 0; kind < kDrain; ++kind) sum += answers[{kind, code}];
  }
  EXPECT_EQ(sum, kAskers * kRequests);
  // A run in which nothing happens would prove nothing.
  for (size_t kind = 0; kind < kDrain; ++kind) {
    EXPECT_GT((answers[{kind, absl::StatusCode::kOk}]), 0) << "kind " << kind;
  }
  EXPECT_GT(training.pauses(), 0u);
  EXPECT_GT(training.checkpoints(), 0u);
  EXPECT_LE(training.pauses() - training.resumes(), 1u);
}

// Requests of all kinds against the end of the run: none is lost.
TEST(BoardStress, NoneIsLostAtTheEnd) {
  for (uint32_t round = 0; round < 100; ++round) {
    CommandBoard board{RankStatus()};
    if (round % 2 == 0) board.OnPaused();
    std::atomic<bool> go = false;
    std::vector<std::vector<Reply>> asked(2);
    std::vector<std::thread> askers;
    for (auto& replies : asked) {
      askers.emplace_back([&] {
        while (!go) std::this_thread::yield();
        for (int i = 0; i < 16; ++i) {
          replies.emplace_back();
          (board.*kKinds[i % 4])(replies.back().handle());
        }
      });
    }
    go = true;
    if (round % 3 == 0) board.OnDraining();
    board.Close();
    for (std::thread& asker : askers) asker.join();
    for (const auto& replies : asked) {
      for (const Reply& reply : replies) ASSERT_EQ(reply.count(), 1u) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace sluice::service

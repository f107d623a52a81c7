#include "sidecar/bench/load_rank.h"

#include <gtest/gtest.h>

#include "sidecar/wire/message.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

void Answer(LoadRank& rank) {
  v1::SidecarMessage reply;
  reply.mutable_hello_reply()->set_lease_epoch(3);
  rank.Hear(reply);
}

TEST(LoadRank, SaysHelloThenAStepForEachLeaveAndStopsForAcks) {
  LoadState state(2, 3);
  LoadRank rank("r", 1, &state);
  const v1::WorkerMessage* hello = rank.Next();
  ASSERT_NE(hello, nullptr);
  EXPECT_TRUE(MessageFromProto(*hello).ok()) << MessageFromProto(*hello).status();
  state.allowed = 100;
  EXPECT_EQ(rank.Next(), nullptr);  // Not before the answer.
  Answer(rank);
  EXPECT_EQ(state.greeted, 1u);
  for (uint64_t step = 1; step <= 3; ++step) {
    const v1::WorkerMessage* message = rank.Next();
    ASSERT_NE(message, nullptr);
    const auto checked = MessageFromProto(*message);
    ASSERT_TRUE(checked.ok()) << checked.status();
    EXPECT_EQ(checked->identity.seq, step);
    EXPECT_EQ(checked->identity.lease_epoch, 3u);
    EXPECT_EQ(std::get<GateSnapshot>(checked->body).counters, LoadCounters(step));
  }
  EXPECT_EQ(rank.Next(), nullptr);
  v1::SidecarMessage ack;
  ack.mutable_ack()->set_durable_seq(2);
  rank.Hear(ack);
  rank.Hear(ack);
  EXPECT_EQ(state.acked, 2u);
  EXPECT_NE(rank.Next(), nullptr);
  state.allowed = 4;
  EXPECT_EQ(rank.Next(), nullptr);
}

TEST(LoadRank, TheLatencyIsThatOfTheLastRanksSnapshot) {
  LoadState state(2, 100);
  state.allowed = 10;
  LoadRank first("r", 0, &state), second("r", 1, &state);
  for (LoadRank* rank : {&first, &second}) {
    rank->Next();
    Answer(*rank);
    while (rank->Next() != nullptr) {
    }
  }
  v1::SidecarMessage directive;
  directive.mutable_directive()->set_based_on_step(10);
  second.Hear(directive);  // Only rank 0 acts on it.
  EXPECT_TRUE(state.TakeLatencies().empty());
  first.Hear(directive);
  const auto latencies = state.TakeLatencies();
  ASSERT_EQ(latencies.size(), 1u);
  EXPECT_GE(latencies[0], 0.0);
  EXPECT_LT(latencies[0], 10000.0);
}

TEST(LoadCounters, EachWindowsMeanMovesAndLeadsToADirective) {
  LoadState state(1, UINT64_MAX);
  state.allowed = 200;
  LoadRank rank("r", 0, &state);
  testing::Bench bench;
  const auto sink = std::make_shared<testing::FakeSink>();
  bench.Apply(StreamMessage{sink, *MessageFromProto(*rank.Next())});
  v1::SidecarMessage reply;
  reply.mutable_hello_reply()->set_lease_epoch(1);
  rank.Hear(reply);
  while (const v1::WorkerMessage* message = rank.Next()) {
    bench.Apply(StreamMessage{sink, *MessageFromProto(*message)});
  }
  EXPECT_EQ(bench.windows.size(), 20u);
  EXPECT_EQ(sink->directives.size(), 20u);
  EXPECT_TRUE(sink->refusals.empty());
}

}  // namespace
}  // namespace sluice::sidecar

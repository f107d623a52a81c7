// The real binary with a real gRPC client.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>

#include "common/file.h"
#include "sidecar/wire/counters.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/rank_client.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar::testing {
namespace {

using ::testing::HasSubstr;

class Sidecar : public ::testing::Test {
 protected:
  std::unique_ptr<v1::Runs::Stub> Runs(const SidecarProcess& sidecar) {
    return v1::Runs::NewStub(
        grpc::CreateChannel(sidecar.grpc(), grpc::InsecureChannelCredentials()));
  }
  v1::RunState State(const SidecarProcess& sidecar, const std::string& run) {
    v1::GetRunRequest request;
    request.set_run(run);
    v1::GetRunResponse response;
    grpc::ClientContext context;
    const grpc::Status status = Runs(sidecar)->GetRun(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.state();
  }
  Counters Ledger(const SidecarProcess& sidecar, const std::string& run) {
    return *CountersFromProto(State(sidecar, run).counters(), "counters");
  }

  TemporaryFolder folder_;
  const std::string state_ = folder_.path() + "/state";
};

TEST_F(Sidecar, HelloAcksAndDirectives) {
  SidecarProcess sidecar(state_);
  RankClient rank(sidecar.grpc(), "a");
  const v1::SidecarMessage reply = rank.Greet("i");
  ASSERT_TRUE(reply.has_hello_reply()) << reply.ShortDebugString();
  EXPECT_EQ(reply.hello_reply().lease_epoch(), 1u);
  EXPECT_EQ(reply.hello_reply().window_steps(), 10u);
  for (uint64_t s = 1; s <= 30; ++s) ASSERT_TRUE(rank.Send(s, s));
  ASSERT_TRUE(rank.WaitForAck(30));
  EXPECT_EQ(Ledger(sidecar, "a"), CountersAt(30));
  const v1::RunState state = State(sidecar, "a");
  EXPECT_EQ(state.step(), 30u);
  EXPECT_TRUE(state.ranks(0).connected());
  EXPECT_TRUE(rank.Finish().ok());
  ASSERT_FALSE(rank.directives.empty());
  EXPECT_NEAR(rank.directives[0].layers(0).threshold() - 0.3, 0.02 * rank.directives[0].version(),
              1e-9);
  EXPECT_THAT(rank.directives[0].reason(), HasSubstr("target_rate"));
  v1::GetHistoryRequest request;
  request.set_run("a");
  v1::GetHistoryResponse history;
  grpc::ClientContext context;
  ASSERT_TRUE(Runs(sidecar)->GetHistory(&context, request, &history).ok());
  EXPECT_EQ(history.windows_size(), 3);
}

TEST_F(Sidecar, KilledAndStartedAgainItKnowsWhatItAcknowledged) {
  uint64_t acked = 0;
  uint64_t version = 0;
  {
    SidecarProcess sidecar(state_);
    RankClient rank(sidecar.grpc(), "a");
    rank.Greet("i");
    for (uint64_t s = 1; s <= 200; ++s) rank.Send(s, s);
    ASSERT_TRUE(rank.WaitForAck(100));
    acked = rank.acked;
    if (!rank.directives.empty()) version = rank.directives.back().version();
    sidecar.Kill();
  }
  SidecarProcess sidecar(state_);
  EXPECT_GE(Ledger(sidecar, "a").steps, acked);
  RankClient rank(sidecar.grpc(), "a");
  const v1::HelloReply reply = rank.Greet("i").hello_reply();
  EXPECT_EQ(reply.lease_epoch(), 1u);
  EXPECT_GE(reply.durable_seq(), acked);
  EXPECT_GE(reply.in_force().version(), version);
  // All is sent again, twice, as by a rank that heard nothing.
  for (uint64_t s = 1; s <= 200; ++s) rank.Send(s, s);
  for (uint64_t s = 1; s <= 200; ++s) rank.Send(s, s);
  ASSERT_TRUE(rank.WaitForAck(200));
  EXPECT_EQ(Ledger(sidecar, "a"), CountersAt(200));
}

TEST_F(Sidecar, TerminatedItDrainsAndExitsWithZero) {
  SidecarProcess sidecar(state_);
  RankClient rank(sidecar.grpc(), "a");
  rank.Greet("i");
  for (uint64_t s = 1; s <= 20; ++s) rank.Send(s, s);
  ASSERT_TRUE(rank.WaitForAck(20));
  // Neither the rank, which looks at its connection when it makes a call only, nor a scraper that
  // keeps its own for the next time holds it up.
  HttpConnection kept(sidecar.http());
  EXPECT_THAT(kept.Get("/metrics"), HasSubstr("200 OK"));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(sidecar.Terminate(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  EXPECT_EQ(rank.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  SidecarProcess again(state_);
  EXPECT_EQ(Ledger(again, "a"), CountersAt(20));
}

TEST_F(Sidecar, HalfCloseIsAnsweredWithTheLastAck) {
  SidecarProcess sidecar(state_);
  RankClient rank(sidecar.grpc(), "a");
  rank.Greet("i");
  for (uint64_t s = 1; s <= 50; ++s) rank.Send(s, s);
  v1::WorkerMessage ended = rank.Message(51);
  ended.mutable_run_ended()->set_step(50);
  rank.Send(ended);
  EXPECT_TRUE(rank.Finish().ok());
  EXPECT_EQ(rank.acked, 51u);
  EXPECT_TRUE(State(sidecar, "a").ranks(0).ended());
}

TEST_F(Sidecar, RefusalsAreTypedCountedAndAcknowledged) {
  SidecarProcess sidecar(state_);
  RankClient rank(sidecar.grpc(), "a");
  rank.Greet("i");
  v1::WorkerMessage bad = rank.Message(1);
  bad.mutable_snapshot();
  rank.Send(bad);
  rank.Send(2, 1);
  ASSERT_TRUE(rank.WaitForAck(2));
  ASSERT_EQ(rank.refusals.size(), 1u);
  EXPECT_EQ(rank.refusals[0].reason(), v1::REFUSAL_REASON_OUT_OF_RANGE);
  EXPECT_EQ(rank.refusals[0].seq(), 1u);
  RankClient other(sidecar.grpc(), "a");
  EXPECT_EQ(other.Greet("j").refusal().reason(), v1::REFUSAL_REASON_LEASE_HELD);
  EXPECT_EQ(other.Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const std::string held = "sluice_rejected_total{reason=\"lease_held\"} 1";
  const std::string metrics = WaitForMetric(sidecar.http(), held);
  EXPECT_THAT(metrics, HasSubstr(held));
  EXPECT_THAT(metrics, HasSubstr("sluice_rejected_total{reason=\"out_of_range\"} 1"));
}

TEST_F(Sidecar, SetThresholdAndWatch) {
  SidecarProcess sidecar(state_);
  RankClient rank(sidecar.grpc(), "a");
  rank.Greet("i");
  rank.Send(1, 1);
  ASSERT_TRUE(rank.WaitForAck(1));
  const auto runs = Runs(sidecar);
  grpc::ClientContext watching;
  watching.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  v1::WatchRunRequest watch;
  watch.set_run("a");
  const auto reader = runs->WatchRun(&watching, watch);
  v1::WatchRunResponse seen;
  ASSERT_TRUE(reader->Read(&seen));
  const auto set = [&](const std::string& run, uint32_t layer, double threshold) {
    v1::SetThresholdRequest request;
    request.set_run(run);
    request.set_layer(layer);
    request.set_threshold(threshold);
    v1::SetThresholdResponse response;
    grpc::ClientContext context;
    return runs->SetThreshold(&context, request, &response).error_code();
  };
  EXPECT_EQ(set("a", kLayer, 0.45), grpc::StatusCode::OK);
  ASSERT_TRUE(reader->Read(&seen));
  EXPECT_EQ(seen.state().layers(0).threshold(), 0.45);
  EXPECT_EQ(set("a", 9, 0.45), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(set("b", kLayer, 0.45), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(set("a", kLayer, 1.5), grpc::StatusCode::INVALID_ARGUMENT);
  watching.TryCancel();
  rank.Finish();
  ASSERT_EQ(rank.directives.size(), 1u);
  EXPECT_EQ(rank.directives[0].layers(0).threshold(), 0.45);
}

TEST_F(Sidecar, ScrapePassesPromtoolAndPagesAnswer) {
  SidecarProcess sidecar(state_);
  RankClient rank(sidecar.grpc(), "a");
  rank.Greet("i");
  for (uint64_t s = 1; s <= 20; ++s) rank.Send(s, s);
  ASSERT_TRUE(rank.WaitForAck(20));
  const std::string metrics = HttpGet(sidecar.http(), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("sluice_steps_total{run=\"a\"} 20"));
  const std::string file = folder_.path() + "/metrics";
  ASSERT_TRUE(WriteFileAtomically(file, metrics).ok());
  EXPECT_EQ(std::system(("promtool check metrics < " + file).c_str()), 0);
  EXPECT_EQ(HttpGet(sidecar.http(), "/healthz"), "ok\n");
  EXPECT_EQ(HttpGet(sidecar.http(), "/readyz"), "ok\n");
  EXPECT_THAT(HttpGet(sidecar.http(), "/"), HasSubstr("<title>Sluice</title>"));
  EXPECT_THAT(HttpGet(sidecar.http(), "/api/runs/a"), HasSubstr("\"run\":\"a\""));
}

TEST_F(Sidecar, BadStartsSayOneLine) {
  const std::string log = folder_.path() + "/log";
  const auto start = [&](std::vector<std::string> arguments) {
    EXPECT_TRUE(WriteFileAtomically(log, "").ok());
    EXPECT_EQ(WaitForExit(Spawn(arguments, log)), 1);
    const std::string text = *ReadFile(log);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  };
  SidecarProcess sidecar(state_);
  const std::string other = folder_.path() + "/other";
  EXPECT_THAT(start({"--listen", sidecar.grpc(), "--http", "127.0.0.1:0", "--state", other}),
              HasSubstr("cannot listen on " + sidecar.grpc()));
  EXPECT_THAT(start({"--listen", "127.0.0.1:0", "--http", sidecar.http(), "--state", other}),
              HasSubstr("cannot listen on " + sidecar.http()));
  EXPECT_THAT(start({"--state", log + "/below"}), HasSubstr(log + "/below"));
  EXPECT_THAT(start({"--guard.low", "2"}), HasSubstr("guard.low"));
}

}  // namespace
}  // namespace sluice::sidecar::testing

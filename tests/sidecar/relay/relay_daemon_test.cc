#include "sidecar/relay/relay_daemon.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/daemon/secure_daemon.h"

namespace sluice::sidecar {
namespace {

using grpc::StatusCode;
using security::ClientAccess;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::RankClient;

// A sidecar and a relay in this process, on real sockets.
class Relayed : public SecureDaemon {
 protected:
  void StartRelay() {
    auto relay = RelayDaemon::Start(Options());
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    const auto ports = nlohmann::json::parse(relay_->PortLine());
    relay_grpc_ = ports.at("grpc");
    relay_http_ = ports.at("http");
  }
  DaemonOptions Options() const {
    DaemonOptions options = relay_options_;
    options.listen = options.http = "127.0.0.1:0";
    options.state = folder_.Path("no-state");
    options.relay.upstream = grpc_;
    options.relay.hold_seconds = 0.01;
    return options;
  }
  bool IsReady() const { return testing::HttpStatus(relay_http_, "/readyz") == 200; }
  // What a rank's stream through the relay ends with.
  grpc::Status EndOf(const std::string& run, uint32_t rank, const ClientAccess& access = {}) {
    RankClient client(relay_grpc_, run, rank, 0, access);
    client.Greet("i", 8);
    return client.Finish();
  }

  DaemonOptions relay_options_;
  std::unique_ptr<RelayDaemon> relay_;
  std::string relay_grpc_, relay_http_;
};

TEST_F(Relayed, ARankHearsWhatTheSidecarSays) {
  Start();
  StartRelay();
  RankClient rank(relay_grpc_, "a");
  const auto reply = rank.Greet("i");
  EXPECT_EQ(reply.hello_reply().window_steps(), 10u) << reply.ShortDebugString();
  for (uint64_t s = 1; s <= 20; ++s) ASSERT_TRUE(rank.Send(s, s));
  ASSERT_TRUE(rank.WaitForAck(20));
  EXPECT_TRUE(rank.Finish().ok());
  EXPECT_FALSE(rank.directives.empty());
  EXPECT_TRUE(IsReady());
  EXPECT_EQ(testing::HttpStatus(relay_http_, "/healthz"), 200);
  const std::string metrics = testing::HttpGet(relay_http_, "/metrics");
  EXPECT_THAT(metrics, HasSubstr("sluice_relay_messages_total 21\n"));
  EXPECT_THAT(metrics, HasSubstr("sluice_relay_upstream_up 1\n"));
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("no-state")));
}

TEST_F(Relayed, RefusalsAndEndsReachTheRank) {
  Start();
  StartRelay();
  RankClient rank(relay_grpc_, "a");
  rank.Greet("i");
  RankClient other(relay_grpc_, "a");
  EXPECT_EQ(other.Greet("j").refusal().reason(), v1::REFUSAL_REASON_LEASE_HELD);
  EXPECT_EQ(other.Finish().error_code(), StatusCode::FAILED_PRECONDITION);
  RankClient silent(relay_grpc_, "b");
  silent.Send(1, 1);
  EXPECT_EQ(silent.Finish().error_code(), StatusCode::FAILED_PRECONDITION);
  // A newer stream of the same rank through the same relay takes its place.
  RankClient again(relay_grpc_, "a");
  EXPECT_TRUE(again.Greet("i").has_hello_reply());
  EXPECT_EQ(rank.Finish().error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(again.Finish().ok());
}

TEST_F(Relayed, WithItsUpstreamItLosesTheStreamsThatHadBegun) {
  Start();
  StartRelay();
  RankClient rank(relay_grpc_, "a");
  rank.Greet("i");
  daemon_->Stop();
  EXPECT_EQ(rank.Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(WaitUntil([this] { return !IsReady(); }, seconds(10)));
  EXPECT_EQ(testing::HttpStatus(relay_http_, "/healthz"), 200);
  RankClient waits(relay_grpc_, "a");  // Nobody answers it; the stop ends it.
  v1::WorkerMessage hello = waits.Message(0);
  hello.mutable_hello()->set_instance("i");
  waits.Send(hello);
  EXPECT_TRUE(WaitUntil(
      [this] {
        return absl::StrContains(testing::HttpGet(relay_http_, "/metrics"),
                                 "sluice_relay_messages_total 2\n");
      },
      seconds(10)));
  relay_->Stop();
  EXPECT_EQ(waits.Finish().error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(Relayed, WithoutASidecarItStartsAndSaysThatItIsNotReady) {
  grpc_ = "127.0.0.1:1";
  StartRelay();
  EXPECT_FALSE(IsReady());
  EXPECT_EQ(testing::HttpStatus(relay_http_, "/healthz"), 200);
  EXPECT_THAT(testing::HttpGet(relay_http_, "/metrics"), HasSubstr("sluice_relay_upstream_up 0\n"));
}

TEST_F(Relayed, ARelayOfARelayOrOfItselfIsNone) {
  Start();
  StartRelay();
  const std::string first = relay_grpc_;
  grpc_ = first;
  RelayDaemon& relay = *relay_;
  std::unique_ptr<RelayDaemon> kept = std::move(relay_);
  StartRelay();
  RankClient rank(relay_grpc_, "a");
  rank.Send(rank.Message(0));
  EXPECT_FALSE(IsReady());
  // By the address alone, before anything listens.
  DaemonOptions options = Options();
  options.listen = options.relay.upstream = first;
  EXPECT_THAT(std::string(RelayDaemon::Start(options).status().message()),
              HasSubstr("is this relay itself"));
  EXPECT_NE(relay.PortLine(), "");
}

// The relay shows its own certificate upstream, and its ranks theirs to it.
TEST_F(Relayed, EachLaneNeedsARightOfTheRelayAndOfTheRank) {
  MutualTls();
  Start();
  relay_options_.access.tls = options_.access.tls;
  const certificates::Pair pair = authority_.Issue("relay", {"URI:sluice://worker/r/*"});
  relay_options_.relay.tls = {authority_.ca(), pair.cert, pair.key, "", ""};
  StartRelay();
  const auto access_of = [this](const std::string& name) {
    const certificates::Pair own = authority_.Issue("rank", {"URI:" + name});
    return *ClientAccess::Make("tls.", {authority_.ca(), own.cert, own.key, "", ""}, relay_grpc_);
  };
  EXPECT_TRUE(EndOf("r", 1, access_of("sluice://worker/r/1")).ok());
  const grpc::Status rank_may_not = EndOf("r", 2, access_of("sluice://worker/r/1"));
  EXPECT_EQ(rank_may_not.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(rank_may_not.error_message(),
            "certificate sluice://worker/r/1 may not speak for run 'r' rank 2");
  EXPECT_EQ(Rejected("permission_denied"), "");
  const grpc::Status relay_may_not = EndOf("s", 1, access_of("sluice://worker/s/*"));
  EXPECT_EQ(relay_may_not.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(relay_may_not.error_message(),
            "certificate sluice://worker/r/* may not speak for run 's' rank 1");
  EXPECT_EQ(Rejected("permission_denied"), "1");
  EXPECT_EQ(EndOf("r", 1, access_of("sluice://reader")).error_code(),
            StatusCode::PERMISSION_DENIED);
  // The others' stream is still up.
  EXPECT_TRUE(EndOf("r", 3, access_of("sluice://worker/*/*")).ok());
  EXPECT_TRUE(IsReady());
}

TEST_F(Relayed, ItComesWithATokenAndOneThatIsNotTakenIsNotReady) {
  const std::string tokens = folder_.Write("tokens", "worker token-of-relay-0123 r\n");
  ASSERT_EQ(::chmod(tokens.c_str(), 0600), 0);
  options_.access.tokens = tokens;
  Start();
  relay_options_.relay.tls.token_file = folder_.Write("mine", "token-of-relay-0123\n");
  StartRelay();
  EXPECT_TRUE(EndOf("r", 0).ok());
  EXPECT_EQ(EndOf("s", 0).error_code(), StatusCode::PERMISSION_DENIED);
  relay_options_.relay.tls.token_file = folder_.Write("mine", "token-of-nobody-01\n");
  StartRelay();
  EXPECT_TRUE(WaitUntil([this] { return !Rejected("unauthenticated").empty(); }, seconds(10)));
  EXPECT_FALSE(IsReady());
}

}  // namespace
}  // namespace sluice::sidecar

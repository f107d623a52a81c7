#include "sidecar/daemon/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/http_client.h"
#include "tests/sidecar/testing/rank_client.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;
using testing::HttpStatus;
using Clock = std::chrono::steady_clock;

class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest() {
    options_.listen = options_.http = "127.0.0.1:0";
    options_.state = folder_.path();
    daemon_ = *Daemon::Start(options_);
    const auto ports = nlohmann::json::parse(daemon_->PortLine());
    grpc_ = ports.at("grpc");
    http_ = ports.at("http");
  }
  bool ReadyBecomes(int status) {
    return WaitUntil([&] { return HttpStatus(http_, "/readyz") == status; });
  }

  TemporaryFolder folder_;
  DaemonOptions options_;
  std::unique_ptr<Daemon> daemon_;
  std::string grpc_;
  std::string http_;
};

TEST_F(DaemonTest, NotReadyWhileTheStateCannotBeWritten) {
  EXPECT_EQ(HttpStatus(http_, "/readyz"), 200);
  Database other = *Database::Open(folder_.path() + "/sluice.db");
  ASSERT_TRUE(other.Execute("BEGIN IMMEDIATE").ok());
  testing::RankClient rank(grpc_, "a");
  std::thread hello([&rank] { EXPECT_TRUE(rank.Greet("i").has_hello_reply()); });
  EXPECT_TRUE(ReadyBecomes(503));
  EXPECT_EQ(HttpStatus(http_, "/healthz"), 200);  // It goes round and tries again.
  ASSERT_TRUE(other.Execute("ROLLBACK").ok());
  EXPECT_TRUE(ReadyBecomes(200));
  hello.join();
  EXPECT_TRUE(rank.Finish().ok());
}

TEST_F(DaemonTest, StopsAtOnceWithAStreamAndIdleConnections) {
  testing::HttpConnection kept(http_);
  EXPECT_THAT(kept.Get("/metrics"), HasSubstr("200 OK"));
  testing::HttpConnection silent(http_);
  testing::RankClient rank(grpc_, "a");
  rank.Greet("i");
  rank.Send(1, 1);
  ASSERT_TRUE(rank.WaitForAck(1));
  const auto start = Clock::now();
  daemon_->Stop();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(4));
  EXPECT_EQ(rank.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(DaemonTest, StartedAgainItKnowsWhatItKnew) {
  testing::RankClient rank(grpc_, "a");
  rank.Greet("i");
  rank.Send(1, 1);
  ASSERT_TRUE(rank.WaitForAck(1));
  daemon_.reset();
  daemon_ = *Daemon::Start(options_);
  testing::RankClient again(nlohmann::json::parse(daemon_->PortLine()).at("grpc"), "a");
  EXPECT_EQ(again.Greet("i").hello_reply().durable_seq(), 1u);
}

TEST_F(DaemonTest, AnAddressThatCannotBeUsedEndsTheStart) {
  options_.state = folder_.path() + "/other";
  options_.http = http_;
  EXPECT_THAT(std::string(Daemon::Start(options_).status().message()), HasSubstr(http_));
  options_.http = "nonsense";
  EXPECT_THAT(std::string(Daemon::Start(options_).status().message()), HasSubstr("nonsense"));
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "sidecar/http/draining_server.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/http/event_reader.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar {
namespace {

using ::testing::EndsWith;
using testing::EventReader;
using ::testing::HasSubstr;
using testing::HttpConnection;
using testing::HttpStatus;

class Http : public ::testing::Test {
 protected:
  Http()
      : server_(*HttpServer::Start(
            {"127.0.0.1", 0},
            {[] { return "metrics"; }, [] { return std::make_shared<const View>(); },
             [this] { return good_.load(); },
             [this] { return std::string(good_ ? "" : "the state cannot be written: why"); }})) {}

  std::atomic<bool> good_{true};
  std::unique_ptr<HttpServer> server_;
  const std::string address_ = server_->address().ToString();
};

TEST_F(Http, PagesAnswerWithTheirTypeAndState) {
  HttpConnection connection(address_);  // Kept for all of them.
  const std::string metrics = connection.Get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("200 OK"));
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\nmetrics"));
  EXPECT_THAT(connection.Get("/"), HasSubstr("text/html"));
  EXPECT_EQ(HttpStatus(address_, "/healthz"), 200);
  EXPECT_EQ(HttpStatus(address_, "/readyz"), 200);
  good_ = false;
  EXPECT_EQ(HttpStatus(address_, "/healthz"), 503);
  EXPECT_EQ(HttpStatus(address_, "/readyz"), 503);
  EXPECT_EQ(HttpStatus(address_, "/nowhere"), 404);
}

TEST_F(Http, RequestsInPiecesAndInARowAreAnsweredInOrder) {
  HttpConnection connection(address_);
  ASSERT_TRUE(connection.Send("GET /nowh"));
  ASSERT_TRUE(
      connection.Send("ere HTTP/1.1\r\nHost: t\r\n\r\nGET /metrics HTTP/1.1\r\nHost: t\r\n\r\n"));
  EXPECT_THAT(connection.ReadAnswer(), HasSubstr("404"));
  EXPECT_THAT(connection.ReadAnswer(), EndsWith("\r\n\r\nmetrics"));
}

TEST_F(Http, StopsAtOnceWhateverConnectionsAreOpen) {
  HttpConnection kept(address_);
  EXPECT_THAT(kept.Get("/metrics"), HasSubstr("200 OK"));
  HttpConnection silent(address_);
  HttpConnection begun(address_);
  ASSERT_TRUE(begun.Send("GET /metrics HTTP/1.1\r\nHos"));
  const auto start = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  EXPECT_TRUE(kept.WaitForEnd());
  EXPECT_EQ(HttpStatus(address_, "/metrics"), 0);
}

TEST_F(Http, StopsAtOnceThoughEventsAreWatched) {
  EventReader reader(address_);
  ASSERT_EQ(reader.Next(), R"({"runs":[]})");
  const auto start = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  EXPECT_TRUE(reader.WaitForEnd());
}

TEST_F(Http, AsManyClientsOfEventsAsThereMayBeLeaveRoomForAScrape) {
  std::vector<std::unique_ptr<EventReader>> readers;
  for (size_t i = 0; i < EventFeedOptions{}.most_clients; ++i) {
    readers.push_back(std::make_unique<EventReader>(address_));
    ASSERT_EQ(readers.back()->Next(), R"({"runs":[]})") << i;
  }
  EXPECT_EQ(HttpStatus(address_, "/api/events"), 503);
  EXPECT_EQ(HttpStatus(address_, "/metrics"), 200);
  readers.pop_back();
  EXPECT_TRUE(WaitUntil([this] { return !EventReader(address_).Next().empty(); }));
}

TEST_F(Http, ConnectionsThatAreKeptLeaveRoomForAScrape) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<HttpConnection>> kept;
  for (size_t i = 0; i < 3 * DrainingServer::Options{}.kept; ++i) {
    kept.push_back(std::make_unique<HttpConnection>(address_));
    ASSERT_THAT(kept.back()->Get("/metrics"), HasSubstr("200 OK")) << i;
  }
  // Were each waited for, it would cost five seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(Http, APortThatIsTakenIsAnErrorThatNamesIt) {
  const auto second = HttpServer::Start(server_->address(), {});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("cannot listen on " + address_));
}

}  // namespace
}  // namespace sluice::sidecar

#include "sidecar/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HttpConnection;
using testing::HttpStatus;

class Http : public ::testing::Test {
 protected:
  Http()
      : server_(*HttpServer::Start(
            {"127.0.0.1", 0}, {[] { return "metrics"; }, [] { return "page"; },
                               [this] { return good_.load(); }, [this] { return good_.load(); }})) {
  }

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
  ASSERT_TRUE(connection.Send("ere HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n"));
  EXPECT_THAT(connection.ReadAnswer(), HasSubstr("404"));
  EXPECT_THAT(connection.ReadAnswer(), EndsWith("\r\n\r\npage"));
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

TEST_F(Http, APortThatIsTakenIsAnErrorThatNamesIt) {
  const auto second = HttpServer::Start(server_->address(), {});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("cannot listen on " + address_));
}

}  // namespace
}  // namespace sluice::sidecar

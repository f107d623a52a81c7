// TLS and the token before the pages.
#include "sidecar/http/tls_front.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "sidecar/http/http_server.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/http/tls_client.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar {
namespace {

using certificates::Authority;
using certificates::Pair;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::TlsClient;

class Front : public ::testing::Test {
 protected:
  Front() { ::signal(SIGPIPE, SIG_IGN); }
  void Start(const HttpAccess& access) {
    auto server = HttpServer::Start(
        {"127.0.0.1", 0},
        {[this] { return metrics_; }, [] { return std::make_shared<const View>(); },
         [] { return true; }, [] { return std::string(); }},
        access);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    address_ = server_->address().ToString();
  }
  HttpAccess Tls(bool mutual = false) const {
    HttpAccess access;
    access.tls = {pair_.cert, pair_.key, mutual ? authority_.ca() : ""};
    return access;
  }

  const TemporaryFolder folder_;
  const Authority authority_{folder_.path(), "ours"};
  const Pair pair_ = authority_.Server();
  std::string metrics_ = "metrics";
  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

TEST_F(Front, PagesComeOverTlsAndNotWithout) {
  Start(Tls());
  const std::string answer = TlsClient(address_, authority_.ca()).Get("/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nmetrics"));
  testing::HttpConnection plain(address_);
  EXPECT_EQ(plain.Get("/metrics"), "");
  EXPECT_FALSE(TlsClient(address_, Authority(folder_.path(), "stranger").ca()).up());
}

TEST_F(Front, ALargeAnswerComesWhole) {
  for (int i = 0; metrics_.size() < (4u << 20); ++i) metrics_ += std::to_string(i) + "\n";
  Start(Tls());
  EXPECT_THAT(TlsClient(address_, authority_.ca()).Get("/metrics"), EndsWith(metrics_));
}

TEST_F(Front, EventsComeAndTheEndEndsThem) {
  Start(Tls());
  TlsClient client(address_, authority_.ca());
  ASSERT_TRUE(client.Write("GET /api/events HTTP/1.1\r\nHost: t\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("data: "), HasSubstr("event: runs"));
  server_->Stop();
  client.ReadUntil("");
}

TEST_F(Front, ClientsShowACertificateIfTheyMust) {
  Start(Tls(true));
  EXPECT_EQ(TlsClient(address_, authority_.ca()).Get("/metrics"), "");
  const Authority stranger(folder_.path(), "stranger");
  EXPECT_EQ(TlsClient(address_, authority_.ca(), stranger.Issue("s", {})).Get("/metrics"), "");
  EXPECT_THAT(TlsClient(address_, authority_.ca(), authority_.Issue("c", {})).Get("/metrics"),
              HasSubstr("200 OK"));
}

TEST_F(Front, FilesAreReadAgainAndBadOnesAreNot) {
  Start(Tls());
  TlsClient before(address_, authority_.ca());
  ASSERT_TRUE(before.up());
  const Authority next(folder_.path(), "ours");
  next.Server();
  EXPECT_TRUE(WaitUntil([&] { return TlsClient(address_, next.ca()).up(); }));
  EXPECT_THAT(before.Get("/metrics"), EndsWith("metrics"));
  folder_.Write("server.pem", "nonsense");
  // Long enough for the look that finds it.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2100);
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(TlsClient(address_, next.ca()).up());
    return std::chrono::steady_clock::now() > until;
  }));
}

TEST_F(Front, SilentClientsDoNotStandInTheWay) {
  Start(Tls());
  std::vector<std::unique_ptr<testing::HttpConnection>> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(std::make_unique<testing::HttpConnection>(address_));
  }
  EXPECT_THAT(TlsClient(address_, authority_.ca()).Get("/metrics"), HasSubstr("200 OK"));
}

TEST_F(Front, ATokenIsAskedForButForHealth) {
  HttpAccess access = Tls();
  access.token_file = folder_.Write("token", "secret-0123\n");
  Start(access);
  const auto get = [this](const std::string& path, const std::string& headers = "") {
    return TlsClient(address_, authority_.ca()).Get(path, headers);
  };
  for (const char* path : {"/metrics", "/", "/api/runs", "/nowhere"}) {
    EXPECT_THAT(get(path), HasSubstr("401")) << path;
    EXPECT_THAT(get(path), HasSubstr("WWW-Authenticate: Basic")) << path;
    EXPECT_THAT(get(path, "Authorization: Bearer nonsense\r\n"), HasSubstr("401")) << path;
  }
  EXPECT_THAT(get("/healthz"), HasSubstr("200 OK"));
  EXPECT_THAT(get("/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(get("/metrics", "Authorization: Bearer secret-0123\r\n"), EndsWith("metrics"));
}

TEST_F(Front, WhatCannotBeUsedIsNamed) {
  HttpAccess access = Tls();
  access.tls.key = folder_.Path("none");
  const HttpPages pages{[] { return ""; }, [] { return std::make_shared<const View>(); },
                        [] { return true; }, [] { return std::string(); }};
  EXPECT_TRUE(Says(HttpServer::Start({"127.0.0.1", 0}, pages, access).status(),
                   absl::StatusCode::kNotFound, {"http.tls.key", "none"}));
  Start(Tls());
  EXPECT_TRUE(Says(HttpServer::Start(server_->address(), pages, Tls()).status(),
                   absl::StatusCode::kUnavailable,
                   {"http: cannot listen on " + address_, "in use"}));
  access = {};
  access.token_file = folder_.Path("none");
  EXPECT_TRUE(Says(HttpServer::Start({"127.0.0.1", 0}, pages, access).status(),
                   absl::StatusCode::kNotFound, {"http.token-file", "none"}));
}

}  // namespace
}  // namespace sluice::sidecar

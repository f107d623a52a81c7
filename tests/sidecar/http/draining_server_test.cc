#include "sidecar/http/draining_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar {
namespace {

using ::testing::EndsWith;
using testing::HttpConnection;

constexpr char kLargeRequest[] = "GET /large HTTP/1.1\r\nHost: t\r\n\r\n";

// Answers /now at once and /slow when it is told to.
class Draining : public ::testing::Test {
 protected:
  Draining() {
    server_.Get("/now", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("now", "text/plain");
    });
    server_.Get("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content_provider(size_t{16} << 20, "text/plain",
                                    [](size_t, size_t left, httplib::DataSink& sink) {
                                      static const std::string block(1 << 16, 'x');
                                      return sink.write(block.data(), std::min(left, block.size()));
                                    });
    });
    server_.Get("/slow", [this](const httplib::Request&, httplib::Response& response) {
      begun_.Notify();
      finish_.WaitForNotificationWithTimeout(absl::Seconds(10));
      response.set_content("slow", "text/plain");
    });
    server_.Get("/given", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content("head", "text/plain");
      DrainingServer::HandOver([this](FileDescriptor socket) {
        given_ = std::move(socket);
        taken_.Notify();
      });
    });
    address_ = "127.0.0.1:" + std::to_string(server_.bind_to_any_port("127.0.0.1"));
    server_.LengthenQueue();
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~Draining() override {
    if (!thread_.joinable()) return;
    server_.EndConnections();
    EXPECT_TRUE(WaitUntil([this] { return server_.is_running(); }));
    server_.stop();
    thread_.join();
  }
  DrainingServer server_;
  std::string address_;
  absl::Notification begun_;
  absl::Notification finish_;
  FileDescriptor given_;
  absl::Notification taken_;
  std::thread thread_;
};

TEST_F(Draining, IdleConnectionsEndAtOnce) {
  HttpConnection kept(address_);
  EXPECT_THAT(kept.Get("/now"), EndsWith("\r\n\r\nnow"));
  EXPECT_THAT(kept.Get("/now"), EndsWith("\r\n\r\nnow"));
  const auto start = std::chrono::steady_clock::now();
  server_.EndConnections();
  EXPECT_TRUE(kept.WaitForEnd());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(Draining, ConnectionsThatComeLaterEndWithoutAnAnswer) {
  server_.EndConnections();
  HttpConnection late(address_);
  EXPECT_EQ(late.Get("/now"), "");
  EXPECT_TRUE(late.WaitForEnd());
}

TEST_F(Draining, AnAnswerUnderWayIsStillSentAndIsTheLast) {
  HttpConnection connection(address_);
  ASSERT_TRUE(connection.Send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n"));
  ASSERT_TRUE(begun_.WaitForNotificationWithTimeout(absl::Seconds(10)));
  server_.EndConnections();
  finish_.Notify();
  EXPECT_THAT(connection.ReadAnswer(), EndsWith("\r\n\r\nslow"));
  EXPECT_TRUE(connection.WaitForEnd());
}

TEST_F(Draining, TwoHundredCrawlersHoldNobodyUp) {
  std::vector<std::unique_ptr<HttpConnection>> crawlers;
  for (int i = 0; i < 200; ++i) {
    crawlers.push_back(std::make_unique<HttpConnection>(address_));
    // Half of them stop in the middle of their request, the others never take their answer.
    ASSERT_TRUE(crawlers.back()->Send(i % 2 == 0 ? "GET /no" : kLargeRequest));
  }
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(HttpConnection(address_).Get("/now"), EndsWith("\r\n\r\nnow"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  }
}

TEST_F(Draining, AConnectionThatIsHandedOverLivesOnWithoutTheServer) {
  HttpConnection connection(address_);
  EXPECT_THAT(connection.Get("/given"), EndsWith("\r\n\r\nhead"));
  // A server that ends gives nothing away any more.
  ASSERT_TRUE(taken_.WaitForNotificationWithTimeout(absl::Seconds(10)));
  server_.EndConnections();
  EXPECT_TRUE(WaitUntil([this] { return server_.is_running(); }));
  server_.stop();
  thread_.join();
  ASSERT_TRUE(given_.is_open());
  const std::string more = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntail";
  EXPECT_EQ(::send(given_.get(), more.data(), more.size(), 0), static_cast<ssize_t>(more.size()));
  EXPECT_THAT(connection.ReadAnswer(), EndsWith("tail"));
  given_.Close();
  EXPECT_TRUE(connection.WaitForEnd());
}

TEST(DrainingQueue, ABurstWaitsToBeAccepted) {
  DrainingServer server;
  const std::string address = "127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1"));
  server.LengthenQueue();
  auto burst = std::async(std::launch::async, [&address] {
    std::vector<std::unique_ptr<HttpConnection>> connections;
    for (int i = 0; i < 64; ++i) connections.push_back(std::make_unique<HttpConnection>(address));
  });
  // Nobody accepts yet.
  EXPECT_EQ(burst.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  std::thread thread([&server] { server.listen_after_bind(); });
  burst.wait();
  server.EndConnections();
  EXPECT_TRUE(WaitUntil([&server] { return server.is_running(); }));
  server.stop();
  thread.join();
}

// A server of two connections that are little waited for.
class Impatient : public ::testing::Test {
 protected:
  Impatient() {
    server_.Get("/now", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("now", "text/plain");
    });
    server_.Get("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(64 << 20, 'x'), "text/plain");
    });
    address_ = "127.0.0.1:" + std::to_string(server_.bind_to_any_port("127.0.0.1"));
    server_.LengthenQueue();
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~Impatient() override {
    server_.EndConnections();
    EXPECT_TRUE(WaitUntil([this] { return server_.is_running(); }));
    server_.stop();
    thread_.join();
  }

  DrainingServer server_{
      DrainingServer::Options{.most = 2, .patience = std::chrono::milliseconds(200)}};
  std::string address_;
  std::thread thread_;
};

TEST_F(Impatient, ARequestThatCrawlsIsLetGo) {
  HttpConnection crawler(address_);
  ASSERT_TRUE(crawler.Send("GET /no"));
  // However steadily it goes on.
  EXPECT_TRUE(WaitUntil([&] { return !crawler.Send("o"); }));
}

TEST_F(Impatient, AnAnswerThatIsNotTakenIsGivenUp) {
  HttpConnection crawler(address_);
  ASSERT_TRUE(crawler.Send(kLargeRequest));
  // It reads nothing, and so sees the end only by what it sends.
  EXPECT_TRUE(WaitUntil([&] { return !crawler.Send("o"); }));
}

TEST_F(Impatient, TheOldestGivesWayToTheNewest) {
  HttpConnection first(address_), second(address_);
  EXPECT_THAT(first.Get("/now"), EndsWith("now"));
  EXPECT_THAT(second.Get("/now"), EndsWith("now"));
  HttpConnection third(address_);
  EXPECT_THAT(third.Get("/now"), EndsWith("now"));
  EXPECT_TRUE(first.WaitForEnd());
}

}  // namespace
}  // namespace sluice::sidecar

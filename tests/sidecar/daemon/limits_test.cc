// What keeps callers from taking each other's places, and other machines from steering.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <ifaddrs.h>

#include "absl/strings/str_cat.h"
#include "common/security/loopback.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/daemon/secure_daemon.h"

namespace sluice::sidecar {
namespace {

using grpc::StatusCode;
using testing::RankClient;

class Limits : public SecureDaemon {
 protected:
  // What a stream of this rank ends with.
  StatusCode EndOf(const std::string& run, uint32_t rank = 0) {
    RankClient client(grpc_, run, rank);
    client.Greet("i", 8);
    return client.Finish().error_code();
  }
  std::unique_ptr<RankClient> Open(const std::string& run) {
    auto rank = std::make_unique<RankClient>(grpc_, run);
    EXPECT_TRUE(rank->Greet("i").has_hello_reply());
    return rank;
  }
};

TEST_F(Limits, StreamsFromOneAddress) {
  options_.access.streams_per_peer = 2;
  Start();
  auto a = Open("a"), b = Open("b");
  EXPECT_EQ(EndOf("c"), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Rejected("stream_limit"), "1");
  ASSERT_TRUE(a->Finish().ok());
  EXPECT_TRUE(WaitUntil([&] { return EndOf("c") == StatusCode::OK; }));
}

TEST_F(Limits, StreamsInTotal) {
  options_.access.streams = 1;
  Start();
  auto a = Open("a");
  EXPECT_EQ(EndOf("b"), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(Limits, ASilentStreamGivesItsPlaceBack) {
  options_.access.streams = 2;
  options_.access.hello_seconds = 0.2;
  Start();
  auto greeted = Open("a");
  RankClient silent(grpc_, "b");
  EXPECT_TRUE(WaitUntil([&] { return Rejected("silent_stream") == "1"; }));
  EXPECT_EQ(silent.Finish().error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(WaitUntil([&] { return EndOf("c") == StatusCode::OK; }));
  // Whoever has said Hello may be silent.
  EXPECT_TRUE(greeted->Send(1, 1));
  EXPECT_TRUE(greeted->WaitForAck(1));
}

TEST_F(Limits, MessagesOfOneStream) {
  options_.access.messages_per_second = 1;
  Start();
  auto rank = Open("a");  // The Hello counts, and two are taken at once.
  for (uint64_t seq = 1; seq <= 20; ++seq) EXPECT_TRUE(rank->Send(seq, seq));
  EXPECT_TRUE(rank->WaitForAck(20));
  EXPECT_TRUE(rank->Finish().ok());
  ASSERT_GE(rank->refusals.size(), 15u);
  EXPECT_EQ(rank->refusals[0].reason(), v1::REFUSAL_REASON_LIMIT);
  EXPECT_THAT(rank->refusals[0].detail(), ::testing::HasSubstr("more than 1 messages in a second"));
  EXPECT_EQ(Rejected("limit"), absl::StrCat(rank->refusals.size()));
}

TEST_F(Limits, AMessagesSize) {
  options_.access.message_bytes = 2048;
  Start();
  auto rank = Open("a");
  v1::WorkerMessage large = rank->Message(1);
  large.mutable_run_ended()->set_error(std::string(4096, 'x'));
  rank->Send(large);
  EXPECT_EQ(rank->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(Limits, Watches) {
  options_.access.watches = 1;
  Start();
  auto rank = Open("a");
  const auto runs = Runs({});
  v1::WatchRunRequest request;
  request.set_run("a");
  const auto first_context = Context({}), second_context = Context({});
  const auto first = runs->WatchRun(first_context.get(), request);
  v1::WatchRunResponse response;
  ASSERT_TRUE(first->Read(&response));
  const auto second = runs->WatchRun(second_context.get(), request);
  EXPECT_FALSE(second->Read(&response));
  EXPECT_EQ(second->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  first_context->TryCancel();
}

TEST_F(Limits, ChangesOfOneCaller) {
  options_.access.changes_per_minute = 2;
  Start();
  auto rank = Open("r");
  EXPECT_TRUE(SetThreshold({}).ok());
  EXPECT_TRUE(SetThreshold({}).ok());
  EXPECT_EQ(SetThreshold({}).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Rejected("rate_limit"), "1");
}

// An IPv4 address of this machine that is not a loopback one; "" if it has none.
std::string OtherAddress() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  std::string found;
  for (const ifaddrs* it = all; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || it->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(it->ifa_addr)->sin_addr, text,
                sizeof(text));
    if (!security::IsLoopback(text)) found = text;
  }
  ::freeifaddrs(all);
  return found;
}

TEST_F(Limits, AnotherMachineMayLookAndNotSteerWithoutTls) {
  const std::string address = OtherAddress();
  if (address.empty()) GTEST_SKIP() << "this machine has a loopback address alone";
  options_.listen = "0.0.0.0:0";
  options_.access.insecure_listen = true;
  Start();
  const std::string port = grpc_.substr(grpc_.rfind(':'));
  grpc_ = address + port;
  auto rank = Open("r");
  v1::ListRunsResponse list;
  EXPECT_TRUE(Runs({})->ListRuns(Context({}).get(), {}, &list).ok());
  const grpc::Status refused = SetThreshold({});
  EXPECT_EQ(refused.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), ::testing::HasSubstr("Runs/SetThreshold needs TLS"));
  grpc_ = "127.0.0.1" + port;
  EXPECT_TRUE(SetThreshold({}).ok());
}

}  // namespace
}  // namespace sluice::sidecar

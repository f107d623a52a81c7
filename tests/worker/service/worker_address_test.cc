// Where WorkerServer listens.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "sluice/v1/worker.grpc.pb.h"
#include "tests/common/says.h"
#include "tests/worker/service/held_port.h"
#include "worker/service/worker_server.h"

namespace sluice::service {
namespace {

using absl::StatusCode;

// Ports of a fixed place may belong to other programs: as many are tried.
constexpr int kTries = 30;

class WorkerAddress : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<WorkerServer>> Start(const std::string& listen,
                                                      int local_rank = 0) {
    return WorkerServer::Start(listen, local_rank, &board_);
  }
  // The port of a server that must start and answer under the address that it tells.
  uint16_t PortOf(const absl::StatusOr<std::unique_ptr<WorkerServer>>& server) {
    if (!server.ok()) {
      ADD_FAILURE() << server.status();
      return 0;
    }
    const auto stub = v1::Worker::NewStub(
        grpc::CreateChannel((*server)->address().ToString(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::GetStatusResponse response;
    const grpc::Status status = stub->GetStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.run(), "a");
    return (*server)->address().port;
  }

  CommandBoard board_{RankStatus{"a"}};
};

TEST_F(WorkerAddress, AutoIsTheFirstPortPlusTheLocalRank) {
  for (int rank = 1; rank <= kTries; ++rank) {
    const auto wanted = static_cast<uint16_t>(50560 + rank);
    if (HeldPort(wanted).port() == 0) continue;
    const auto server = Start("auto", rank);
    if (PortOf(server) != wanted) continue;
    EXPECT_EQ((*server)->address().host, "127.0.0.1");
    return;
  }
  FAIL() << "no port was the expected one";
}

TEST_F(WorkerAddress, AutoTakesAFreePortIfItsOwnIsTaken) {
  for (int rank = 1; rank <= kTries; ++rank) {
    const HeldPort held(static_cast<uint16_t>(50560 + rank));
    if (held.port() == 0) continue;
    const auto server = Start("auto", rank);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_NE(PortOf(server), held.port());
    EXPECT_EQ((*server)->address().host, "127.0.0.1");
    return;
  }
  FAIL() << "no port could be held";
}

TEST_F(WorkerAddress, AnExplicitPortIsThatOfLocalRankZero) {
  for (int i = 0; i < kTries; ++i) {
    const uint16_t port = FreePort();
    const auto server = Start("127.0.0.1:" + std::to_string(port - 3), 3);
    if (!server.ok()) continue;  // Another program was faster.
    EXPECT_EQ(PortOf(server), port);
    return;
  }
  FAIL() << "no server started";
}

TEST_F(WorkerAddress, PortZeroIsAFreeOneForEveryRank) {
  const auto first = Start("127.0.0.1:0", 0);
  const auto second = Start("127.0.0.1:0", 1);
  EXPECT_NE(PortOf(first), 0);
  EXPECT_NE(PortOf(first), PortOf(second));
}

TEST_F(WorkerAddress, AllOfTheLoopbackRangeMayBeUsed) {
  EXPECT_NE(PortOf(Start("127.0.0.2:0")), 0);
  const auto by_name = Start("localhost:0");
  ASSERT_NE(PortOf(by_name), 0);
  EXPECT_EQ((*by_name)->address().host, "127.0.0.1");  // Wherever the name leads.
  const auto v6 = Start("[::1]:0");                    // Not every machine has it.
  EXPECT_TRUE(v6.ok() || v6.status().code() == StatusCode::kUnavailable) << v6.status();
}

TEST_F(WorkerAddress, NothingElseIsListenedOn) {
  for (const std::string place :
       {"0.0.0.0:0", "[::]:0", "127.example:0", "127.0.0.1.example:0", "127.1:0", "192.0.2.1:0",
        "128.0.0.1:0", "126.255.255.255:0", "10.0.0.1:50560", "[::ffff:127.0.0.1]:0",
        "localhost.example:0", "[::2]:0"}) {
    EXPECT_TRUE(
        SaysInvalid(Start(place).status(), {"worker.listen is '" + place + "'", "loopback range"}));
  }
}

TEST_F(WorkerAddress, WhatIsNoAddressIsRefused) {
  for (const std::string place : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", ":1", "on"}) {
    EXPECT_TRUE(SaysInvalid(Start(place).status(), {"'" + place + "'", "HOST:PORT"}));
  }
}

TEST_F(WorkerAddress, ThereIsRoomForEveryLocalRank) {
  EXPECT_TRUE(SaysInvalid(Start("127.0.0.1:65535", 1).status(),
                          {"worker.listen is '127.0.0.1:65535'", "local rank 1", "65536"}));
}

TEST_F(WorkerAddress, AnExplicitPortThatIsTakenIsAnError) {
  const HeldPort held;
  const std::string place = "127.0.0.1:" + std::to_string(held.port());
  EXPECT_TRUE(Says(Start(place).status(), StatusCode::kUnavailable,
                   {"worker.listen: cannot listen on " + place}));
}

// gRPC would share a port with another gRPC server of this user, and calls would go to either.
TEST_F(WorkerAddress, APortIsNotShared) {
  const auto first = Start("127.0.0.1:0");
  const std::string place = "127.0.0.1:" + std::to_string(PortOf(first));
  EXPECT_TRUE(Says(Start(place).status(), StatusCode::kUnavailable, {place}));
}

TEST_F(WorkerAddress, APortIsFreeOnceItsServerIsGone) {
  uint16_t port = 0;
  for (int i = 0; i < kTries && port == 0; ++i) {
    const auto server = Start("127.0.0.1:" + std::to_string(FreePort()));
    if (server.ok()) port = PortOf(server);
  }
  ASSERT_NE(port, 0);
  EXPECT_EQ(PortOf(Start("127.0.0.1:" + std::to_string(port))), port);
}

}  // namespace
}  // namespace sluice::service

// Who may do what at a rank's own service, over real connections.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/security/credentials.h"
#include "sluice/v1/worker.grpc.pb.h"
#include "tests/common/says.h"
#include "tests/common/security/certificates.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/service/training_loop.h"
#include "worker/service/worker_server.h"

namespace sluice::service {
namespace {

using Code = grpc::StatusCode;
using security::ClientAccess;
using security::Role;

class WorkerAccess : public ::testing::Test {
 protected:
  WorkerAccess() {
    const certificates::Pair pair = authority_.Server();
    access_.tls = {pair.cert, pair.key, authority_.ca()};
    access_.guard.certificates = true;
    access_.guard.audit_path = folder_.Path("audit.jsonl");
    board_.SetPhase(Phase::kTraining);
  }
  void Start(const std::string& listen = "127.0.0.1:0") {
    auto server = WorkerServer::Start(listen, 0, &board_, {}, access_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    address_ = "127.0.0.1:" + std::to_string(server_->address().port);
  }
  ClientAccess Access(const security::ClientTls& tls) const {
    auto access = ClientAccess::Make("tls.", tls, address_);
    EXPECT_TRUE(access.ok()) << access.status();
    return access.value_or(ClientAccess());
  }
  ClientAccess As(const std::string& name) const {
    const certificates::Pair pair = authority_.IssueFor(name);
    return Access({authority_.ca(), pair.cert, pair.key, "", ""});
  }
  template <typename Request, typename Response>
  Code Ask(const ClientAccess& access,
           grpc::Status (v1::Worker::Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*)) const {
    const auto stub = v1::Worker::NewStub(access.OpenChannel(address_, {}));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    Response response;
    return (stub.get()->*method)(&context, {}, &response).error_code();
  }
  Code Call(const security::Rule& rule, const ClientAccess& access) const {
    using Stub = v1::Worker::Stub;
    if (rule.method == security::kGetStatus.method) return Ask(access, &Stub::GetStatus);
    if (rule.method == security::kPause.method) return Ask(access, &Stub::Pause);
    if (rule.method == security::kResume.method) return Ask(access, &Stub::Resume);
    if (rule.method == security::kSaveCheckpoint.method) return Ask(access, &Stub::SaveCheckpoint);
    EXPECT_EQ(rule.method, security::kDrain.method);
    return Ask(access, &Stub::Drain);
  }

  const TemporaryFolder folder_;
  const certificates::Authority authority_{folder_.path(), "ours"};
  security::ServerAccess access_;
  CommandBoard board_{RankStatus{"r", 1, 2, Phase::kStarting, 0, 1000000, 0, ""}};
  std::unique_ptr<WorkerServer> server_;
  std::string address_;
};

TEST_F(WorkerAccess, TheTable) {
  Start();
  TrainingLoop training(&board_);
  const std::map<Role, ClientAccess> callers = {{Role::kWorker, As("sluice://worker/r/1")},
                                                {Role::kReader, As("sluice://reader")},
                                                {Role::kAdmin, As("sluice://admin/r")}};
  size_t calls = 0;
  for (const security::Rule& rule : security::kRules) {
    if (!absl::StartsWith(rule.method, "Worker/")) continue;
    // A stream; worker_server_test.cc has what becomes of it.
    if (rule.method == security::kIngestImages.method) continue;
    for (const Role role : security::kRoles) {
      ++calls;
      EXPECT_EQ(Call(rule, callers.at(role)),
                rule.Allows(role) ? Code::OK : Code::PERMISSION_DENIED)
          << rule.method << " " << security::RoleName(role);
    }
  }
  EXPECT_EQ(calls, 15u);
}

TEST_F(WorkerAccess, NoneAndForeignCertificatesAndThoseOfOtherRuns) {
  Start();
  const certificates::Authority stranger(folder_.path(), "stranger");
  const certificates::Pair foreign = stranger.Issue("foreign", {"URI:sluice://admin"});
  for (const security::Rule& rule : {security::kGetStatus, security::kDrain}) {
    EXPECT_EQ(Call(rule, Access({})), Code::UNAVAILABLE);
    EXPECT_EQ(Call(rule, Access({authority_.ca(), foreign.cert, foreign.key, "", ""})),
              Code::UNAVAILABLE);
    EXPECT_EQ(Call(rule, As("sluice://admin/s")), Code::PERMISSION_DENIED);
    EXPECT_EQ(Call(rule, As("https://admin")), Code::PERMISSION_DENIED);
  }
  EXPECT_FALSE(board_.Current().drain);
}

TEST_F(WorkerAccess, AnotherAddressNeedsTls) {
  Start("0.0.0.0:0");
  EXPECT_EQ(Call(security::kGetStatus, As("sluice://reader")), Code::OK);
  access_.tls = {};
  const auto open = WorkerServer::Start("0.0.0.0:0", 0, &board_, {}, access_);
  EXPECT_TRUE(SaysInvalid(open.status(), {"worker.listen is '0.0.0.0:0'", "worker.tls.cert"}));
}

TEST_F(WorkerAccess, BadFilesAreNamed) {
  access_.tls.key = folder_.Path("none");
  const auto server = WorkerServer::Start("127.0.0.1:0", 0, &board_, {}, access_);
  EXPECT_TRUE(Says(server.status(), absl::StatusCode::kNotFound, {"worker.tls.key", "none"}));
}

TEST_F(WorkerAccess, WhatChangesSomethingIsInTheAuditLog) {
  Start();
  {
    TrainingLoop training(&board_);
    EXPECT_EQ(Call(security::kSaveCheckpoint, As("sluice://admin")), Code::OK);
  }
  const std::string text = ReadFile(folder_.Path("audit.jsonl")).value();
  for (const char* part : {"\"caller\":\"certificate sluice://admin\"", "Worker/SaveCheckpoint",
                           "\"result\":\"OK\"", "\"detail\":\"step "}) {
    EXPECT_THAT(text, ::testing::HasSubstr(part));
  }
}

}  // namespace
}  // namespace sluice::service

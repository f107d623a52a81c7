// Who may do what at a sidecar, over real connections.
#include "common/security/access.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/daemon/secure_daemon.h"

namespace sluice::sidecar {
namespace {

using grpc::StatusCode;
using security::ClientAccess;
using security::Role;
using testing::RankClient;

class DaemonAccess : public SecureDaemon {
 protected:
  // What the call ends with.
  StatusCode Call(const security::Rule& rule, const ClientAccess& access) const {
    const auto runs = Runs(access);
    const auto context = Context(access);
    v1::GetRunRequest run;
    run.set_run("r");
    if (rule.method == security::kListRuns.method) {
      v1::ListRunsResponse response;
      return runs->ListRuns(context.get(), {}, &response).error_code();
    }
    if (rule.method == security::kGetRun.method) {
      v1::GetRunResponse response;
      return runs->GetRun(context.get(), run, &response).error_code();
    }
    if (rule.method == security::kGetHistory.method) {
      v1::GetHistoryRequest request;
      request.set_run("r");
      v1::GetHistoryResponse response;
      return runs->GetHistory(context.get(), request, &response).error_code();
    }
    if (rule.method == security::kWatchRun.method) return Watch(*runs, context.get());
    if (rule.method == security::kSetThreshold.method) return SetThreshold(access).error_code();
    if (rule.method == security::kResetBreaker.method) {
      v1::ResetBreakerRequest request;
      request.set_run("r");
      v1::ResetBreakerResponse response;
      return runs->ResetBreaker(context.get(), request, &response).error_code();
    }
    if (rule.method == security::kGetJournal.method) {
      v1::GetJournalRequest request;
      request.set_run("r");
      v1::GetJournalResponse response;
      return runs->GetJournal(context.get(), request, &response).error_code();
    }
    if (rule.method == security::kGetStorage.method) {
      v1::GetStorageResponse response;
      return runs->GetStorage(context.get(), {}, &response).error_code();
    }
    if (rule.method == security::kAcknowledgeQuarantine.method) {
      v1::AcknowledgeQuarantineResponse response;
      return runs->AcknowledgeQuarantine(context.get(), {}, &response).error_code();
    }
    if (rule.method == security::kRelay.method) return RelayOneLane(access).error_code();
    EXPECT_EQ(rule.method, security::kStream.method);
    RankClient rank(grpc_, "r", 0, 0, access);
    rank.Greet("i");
    return rank.Finish().error_code();
  }
  static StatusCode Watch(v1::Runs::Stub& runs, grpc::ClientContext* context) {
    v1::WatchRunRequest request;
    request.set_run("r");
    const auto stream = runs.WatchRun(context, request);
    v1::WatchRunResponse response;
    const bool came = stream->Read(&response);
    if (came) context->TryCancel();
    const StatusCode code = stream->Finish().error_code();
    return came && code == StatusCode::CANCELLED ? StatusCode::OK : code;
  }
  // A run `r` that everybody may ask for.
  void Feed(const ClientAccess& access) {
    RankClient rank(grpc_, "r", 0, 0, access);
    ASSERT_TRUE(rank.Greet("i").has_hello_reply());
    ASSERT_TRUE(rank.Send(1, 1));
    ASSERT_TRUE(rank.WaitForAck(1));
    ASSERT_TRUE(rank.Finish().ok());
  }
  void ExpectTheTable(const std::map<Role, ClientAccess>& callers) {
    Feed(callers.at(Role::kWorker));
    size_t calls = 0;
    for (const security::Rule& rule : security::kRules) {
      if (absl::StrContains(rule.method, "Worker/")) continue;  // The other service's.
      for (const Role role : security::kRoles) {
        ++calls;
        // A breaker that is closed is not reset.
        const StatusCode good = rule.method == security::kResetBreaker.method
                                    ? StatusCode::FAILED_PRECONDITION
                                    : StatusCode::OK;
        EXPECT_EQ(Call(rule, callers.at(role)),
                  rule.Allows(role) ? good : StatusCode::PERMISSION_DENIED)
            << rule.method << " " << security::RoleName(role);
      }
    }
    EXPECT_EQ(calls, 33u);
  }
  std::string Tokens(const std::string& text) const {
    EXPECT_TRUE(WriteFileAtomically(folder_.Path("tokens"), text).ok());
    EXPECT_EQ(::chmod(folder_.Path("tokens").c_str(), 0600), 0);
    return folder_.Path("tokens");
  }
  ClientAccess With(const std::string& token, const std::string& ca = "") const {
    return Access({ca, "", "", "", folder_.Write(token, token)});
  }
};

constexpr char kRankToken[] = "token-of-rank-0123";
constexpr char kReaderToken[] = "token-of-reader-01";
constexpr char kAdminToken[] = "token-of-admin-012";

TEST_F(DaemonAccess, TheTableByCertificate) {
  MutualTls();
  Start();
  ExpectTheTable({{Role::kWorker, As("sluice://worker/r/0")},
                  {Role::kReader, As("sluice://reader")},
                  {Role::kAdmin, As("sluice://admin")}});
}

TEST_F(DaemonAccess, TheTableByTokenOverTls) {
  MutualTls();
  options_.access.tokens = Tokens(absl::StrCat("worker ", kRankToken, " r\nreader ", kReaderToken,
                                               "\nadmin ", kAdminToken, "\n"));
  Start();
  ExpectTheTable({{Role::kWorker, With(kRankToken, authority_.ca())},
                  {Role::kReader, With(kReaderToken, authority_.ca())},
                  {Role::kAdmin, With(kAdminToken, authority_.ca())}});
  EXPECT_EQ(Call(security::kListRuns, With("token-of-nobody-01", authority_.ca())),
            StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Call(security::kStream, With("token-of-nobody-01", authority_.ca())),
            StatusCode::UNAUTHENTICATED);
}

TEST_F(DaemonAccess, NoneAndWrongNamesAndForeignCertificates) {
  MutualTls();
  Start();
  const certificates::Authority stranger(folder_.path(), "stranger");
  const certificates::Pair foreign = stranger.Issue("foreign", {"URI:sluice://admin"});
  const certificates::Pair nameless = authority_.Issue("nameless", {"DNS:admin"});
  for (const security::Rule& rule :
       {security::kListRuns, security::kSetThreshold, security::kStream}) {
    EXPECT_EQ(Call(rule, Access({})), StatusCode::UNAVAILABLE);
    EXPECT_EQ(Call(rule, Access({authority_.ca(), "", "", "", ""})), StatusCode::UNAVAILABLE);
    EXPECT_EQ(Call(rule, Access({authority_.ca(), foreign.cert, foreign.key, "", ""})),
              StatusCode::UNAVAILABLE);
    EXPECT_EQ(Call(rule, Access({authority_.ca(), nameless.cert, nameless.key, "", ""})),
              StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(Call(rule, As("sluice://admin/other/run")), StatusCode::PERMISSION_DENIED);
  }
}

TEST_F(DaemonAccess, ARankSpeaksForItselfAlone) {
  MutualTls();
  Start();
  const auto end_of = [this](const std::string& name, const std::string& run, uint32_t rank) {
    RankClient client(grpc_, run, rank, 0, As(name));
    client.Greet("i", 2);
    return client.Finish();
  };
  EXPECT_TRUE(end_of("sluice://worker/r/1", "r", 1).ok());
  EXPECT_TRUE(end_of("sluice://worker/r/*", "r", 0).ok());
  const grpc::Status other_rank = end_of("sluice://worker/r/1", "r", 0);
  EXPECT_EQ(other_rank.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(other_rank.error_message(),
            "certificate sluice://worker/r/1 may not speak for run 'r' rank 0");
  EXPECT_EQ(end_of("sluice://worker/r/1", "s", 1).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Rejected("permission_denied"), "2");
  // Nor later, on a stream that is its own.
  RankClient rank(grpc_, "r", 1, 0, As("sluice://worker/r/1"));
  ASSERT_TRUE(rank.Greet("i", 2).has_hello_reply());
  v1::WorkerMessage message = rank.Message(1);
  message.mutable_identity()->set_rank(0);
  message.mutable_directive_applied()->set_version(1);
  rank.Send(message);
  EXPECT_EQ(rank.Finish().error_code(), StatusCode::PERMISSION_DENIED);
}

TEST_F(DaemonAccess, ARoleForOneRunSeesThatRunAlone) {
  MutualTls();
  Start();
  for (const char* run : {"r", "s"}) {
    RankClient rank(grpc_, run, 0, 0, As("sluice://worker/*/*"));
    ASSERT_TRUE(rank.Greet("i").has_hello_reply());
    ASSERT_TRUE(rank.Finish().ok());
  }
  const ClientAccess reader = As("sluice://reader/s");
  v1::ListRunsResponse list;
  ASSERT_TRUE(Runs(reader)->ListRuns(Context(reader).get(), {}, &list).ok());
  ASSERT_EQ(list.runs_size(), 1);
  EXPECT_EQ(list.runs(0).run(), "s");
  EXPECT_EQ(Call(security::kGetRun, reader), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Call(security::kWatchRun, reader), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(SetThreshold(As("sluice://admin/s"), "r").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(SetThreshold(As("sluice://admin/s"), "s").ok());
}

TEST_F(DaemonAccess, ChangedTokensTakeEffect) {
  options_.access.tokens = Tokens(absl::StrCat("admin ", kAdminToken));
  Start();
  EXPECT_EQ(Call(security::kListRuns, With(kAdminToken)), StatusCode::OK);
  EXPECT_EQ(Call(security::kListRuns, With(kReaderToken)), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Call(security::kListRuns, Access({})), StatusCode::UNAUTHENTICATED);
  Tokens(absl::StrCat("reader ", kReaderToken));
  EXPECT_TRUE(
      WaitUntil([&] { return Call(security::kListRuns, With(kReaderToken)) == StatusCode::OK; }));
  EXPECT_EQ(Call(security::kListRuns, With(kAdminToken)), StatusCode::UNAUTHENTICATED);
}

TEST_F(DaemonAccess, WhatChangesSomethingIsInTheAuditLog) {
  MutualTls();
  Start();
  Feed(As("sluice://worker/r/0"));
  ASSERT_TRUE(SetThreshold(As("sluice://admin"), "r", "a\n{\"forged\":1}").ok());
  // It is there when the answer is.
  const std::string text = ReadFile(options_.state + "/audit.jsonl").value();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_FALSE(SetThreshold(As("sluice://admin"), "nobody").ok());
  EXPECT_FALSE(SetThreshold(As("sluice://reader")).ok());
  daemon_.reset();
  std::vector<nlohmann::json> lines;
  const std::string all = ReadFile(options_.state + "/audit.jsonl").value();
  for (const auto& line : absl::StrSplit(all, '\n', absl::SkipEmpty())) {
    lines.push_back(nlohmann::json::parse(line));
  }
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["caller"], "certificate sluice://admin");
  EXPECT_EQ(lines[0]["method"], "Runs/SetThreshold");
  EXPECT_EQ(lines[0]["arguments"]["reason"], "a\n{\"forged\":1}");
  EXPECT_EQ(lines[0]["arguments"]["threshold"], "0.4");
  EXPECT_EQ(lines[0]["result"], "OK");
  EXPECT_EQ(lines[0]["detail"], "directive 1");
  EXPECT_EQ(lines[1]["result"], "NOT_FOUND");
  EXPECT_EQ(lines[2]["result"], "PERMISSION_DENIED");
}

// New files for both sides while a rank sends: its stream goes on, and the next connection is made
// with them. No message is lost.
TEST_F(DaemonAccess, RotationLosesNoMessage) {
  MutualTls();
  Start();
  const certificates::Pair pair = authority_.Issue("rank", {"URI:sluice://worker/r/0"});
  const ClientAccess access = Access({authority_.ca(), pair.cert, pair.key, "", ""});
  RankClient before(grpc_, "r", 0, 0, access);
  ASSERT_TRUE(before.Greet("i").has_hello_reply());
  uint64_t step = 0;
  const auto send = [&step](RankClient& rank) {
    ++step;
    ASSERT_TRUE(rank.Send(step, step));
    ASSERT_TRUE(rank.WaitForAck(step));
  };
  send(before);
  const certificates::Authority next(folder_.path(), "ours");
  next.Server();
  next.Issue("rank", {"URI:sluice://worker/r/0"});
  const certificates::Pair reader = next.Issue("reader", {"URI:sluice://reader"});
  const ClientAccess looks = Access({next.ca(), reader.cert, reader.key, "", ""});
  EXPECT_TRUE(WaitUntil([&] {
    send(before);
    return Call(security::kGetRun, looks) == StatusCode::OK;
  }));
  ASSERT_TRUE(before.Finish().ok());
  RankClient after(grpc_, "r", 0, 0, Access({next.ca(), pair.cert, pair.key, "", ""}));
  ASSERT_EQ(after.Greet("i").hello_reply().durable_seq(), step);
  send(after);
  v1::GetRunRequest request;
  request.set_run("r");
  EXPECT_TRUE(WaitUntil([&] {
    v1::GetRunResponse response;
    EXPECT_TRUE(Runs(looks)->GetRun(Context(looks).get(), request, &response).ok());
    return response.state().counters().steps() == step;
  }));
}

}  // namespace
}  // namespace sluice::sidecar

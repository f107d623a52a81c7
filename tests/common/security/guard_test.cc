#include "common/security/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::security {
namespace {

using absl::StatusCode;

constexpr char kLocal[] = "ipv4:127.0.0.1:5000";
constexpr char kRemote[] = "ipv4:192.0.2.7:5000";
constexpr char kToken[] = "admin-token-0123456789";

CallFacts Plain(const std::string& peer) { return {peer, false, false, {}, std::nullopt}; }
CallFacts Shows(const std::vector<std::string>& names) {
  return {kRemote, true, true, names, std::nullopt};
}

class GuardTest : public ::testing::Test {
 protected:
  GuardTest() {
    options_.audit_path = folder_.Path("audit.jsonl");
    folder_.Write("tokens", std::string("admin ") + kToken + "\n");
    ::chmod(folder_.Path("tokens").c_str(), 0600);
  }
  void Make() {
    auto guard = Guard::Make(options_);
    ASSERT_TRUE(guard.ok()) << guard.status();
    guard_ = *std::move(guard);
  }
  StatusCode Admit(const CallFacts& facts, const Rule& rule, const std::string& run = "r") {
    return guard_->Admit(facts, rule, run, now_).status().code();
  }
  // Of a call that changes something and succeeds.
  absl::Status Change(const CallFacts& facts, const std::string& reason = "why") {
    const auto end =
        guard_->Begin(facts, kSetThreshold, "r", {{"run", "r"}, {"reason", reason}}, now_);
    if (!end.ok()) return end.status();
    std::promise<absl::Status> told;
    (*end)(absl::OkStatus(), "directive 4",
           [&told](const absl::Status& status) { told.set_value(status); });
    return told.get_future().get();
  }
  // Lines of the audit log, once the guard is gone.
  std::vector<nlohmann::json> Audited() {
    guard_.reset();
    std::vector<nlohmann::json> lines;
    const std::string text = ReadFile(options_.audit_path).value_or("");
    for (const auto& line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
  }

  const TemporaryFolder folder_;
  GuardOptions options_;
  std::unique_ptr<Guard> guard_;
  Guard::Time now_ = std::chrono::steady_clock::now();
};

TEST_F(GuardTest, WithoutCertificatesAndTokensTheAddressDecides) {
  Make();
  for (const Rule& rule : kRules) {
    EXPECT_EQ(Admit(Plain(kLocal), rule), StatusCode::kOk) << rule.method;
    EXPECT_EQ(Admit(Plain(kRemote), rule),
              rule.worker || rule.reader ? StatusCode::kOk : StatusCode::kPermissionDenied)
        << rule.method;
  }
  EXPECT_TRUE(Says(guard_->Admit(Plain(kRemote), kPause, "r", now_).status(),
                   StatusCode::kPermissionDenied, {"Worker/Pause needs TLS"}));
}

TEST_F(GuardTest, TheTableOfCallsAndRolesByCertificate) {
  options_.certificates = true;
  Make();
  const std::map<Role, std::string> names = {{Role::kWorker, "sluice://worker/r/0"},
                                             {Role::kReader, "sluice://reader"},
                                             {Role::kAdmin, "sluice://admin"}};
  for (const Rule& rule : kRules) {
    for (const Role role : kRoles) {
      EXPECT_EQ(Admit(Shows({names.at(role)}), rule),
                rule.Allows(role) ? StatusCode::kOk : StatusCode::kPermissionDenied)
          << rule.method << " " << RoleName(role);
    }
    EXPECT_EQ(Admit(Shows({}), rule), StatusCode::kPermissionDenied) << rule.method;
    EXPECT_EQ(Admit(Shows({"https://example.com", "sluice://root"}), rule),
              StatusCode::kPermissionDenied);
    EXPECT_EQ(Admit(Plain(kLocal), rule), StatusCode::kUnauthenticated) << rule.method;
    // Every other name of a certificate counts, too.
    EXPECT_EQ(Admit(Shows({"sluice://worker/r/0", "x", "sluice://admin", "sluice://reader"}), rule),
              StatusCode::kOk);
  }
}

TEST_F(GuardTest, ARoleForOneRunEndsAtIt) {
  options_.certificates = true;
  Make();
  EXPECT_EQ(Admit(Shows({"sluice://admin/r"}), kDrain, "r"), StatusCode::kOk);
  EXPECT_TRUE(Says(guard_->Admit(Shows({"sluice://admin/r"}), kDrain, "s", now_).status(),
                   StatusCode::kPermissionDenied, {"of run 's' is not for"}));
  EXPECT_EQ(Admit(Shows({"sluice://reader/r"}), kListRuns, ""), StatusCode::kOk);
}

TEST_F(GuardTest, ATokenIsTakenOverTlsOrFromThisMachine) {
  options_.token_file = folder_.Path("tokens");
  Make();
  const auto with = [](CallFacts facts, const std::string& header) {
    facts.authorization = header;
    return facts;
  };
  const std::string header = absl::StrCat("Bearer ", kToken);
  CallFacts encrypted = Plain(kRemote);
  encrypted.encrypted = true;
  EXPECT_EQ(Admit(with(Plain(kLocal), header), kDrain), StatusCode::kOk);
  EXPECT_EQ(Admit(with(encrypted, header), kDrain), StatusCode::kOk);
  EXPECT_EQ(Admit(with(encrypted, header), kStream), StatusCode::kPermissionDenied);
  EXPECT_EQ(Admit(with(Plain(kRemote), header), kDrain), StatusCode::kUnauthenticated);
  EXPECT_EQ(Admit(Plain(kLocal), kGetRun), StatusCode::kUnauthenticated);
  for (const std::string& bad : {std::string(""), std::string(kToken), absl::StrCat(header, "x"),
                                 absl::StrCat("Basic ", kToken), std::string("Bearer ")}) {
    EXPECT_EQ(Admit(with(encrypted, bad), kDrain), StatusCode::kUnauthenticated) << bad;
  }
  EXPECT_EQ(guard_->tally().Counts().at("unauthenticated"), 7u);
  EXPECT_EQ(guard_->tally().Counts().at("permission_denied"), 1u);
}

TEST_F(GuardTest, AWrongTokenIsNotMadeGoodByACertificate) {
  options_.certificates = true;
  options_.token_file = folder_.Path("tokens");
  Make();
  CallFacts facts = Shows({"sluice://admin"});
  EXPECT_EQ(Admit(facts, kDrain), StatusCode::kOk);
  facts.authorization = "Bearer nonsense";
  EXPECT_EQ(Admit(facts, kDrain), StatusCode::kUnauthenticated);
}

TEST_F(GuardTest, AChangeIsInTheAuditLogBeforeItIsAnswered) {
  options_.certificates = true;
  Make();
  ASSERT_TRUE(Change(Shows({"sluice://admin"})).ok());
  const auto lines = Audited();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["caller"], "certificate sluice://admin");
  EXPECT_EQ(lines[0]["peer"], kRemote);
  EXPECT_EQ(lines[0]["method"], "Runs/SetThreshold");
  EXPECT_EQ(lines[0]["arguments"]["reason"], "why");
  EXPECT_EQ(lines[0]["result"], "OK");
  EXPECT_EQ(lines[0]["detail"], "directive 4");
}

TEST_F(GuardTest, RefusedChangesAreAuditedUpToARate) {
  options_.certificates = true;
  Make();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Change(Shows({"sluice://reader"})).code(), StatusCode::kPermissionDenied);
  }
  now_ += std::chrono::minutes(10);
  EXPECT_EQ(Change(Plain(kLocal)).code(), StatusCode::kUnauthenticated);
  const auto lines = Audited();
  ASSERT_EQ(lines.size(), 21u);
  EXPECT_EQ(lines[0]["result"], "PERMISSION_DENIED");
  EXPECT_EQ(lines[0]["caller"], "certificate sluice://reader");
  EXPECT_FALSE(lines[0].contains("left_out"));
  EXPECT_EQ(lines[20]["left_out"], 80);
  EXPECT_EQ(lines[20]["result"], "UNAUTHENTICATED");
  EXPECT_EQ(lines[20]["caller"], "unknown");
}

TEST_F(GuardTest, OneCallersChangesAreLimitedAndOthersAreNot) {
  options_.certificates = true;
  options_.calls_per_minute = 3;
  Make();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Change(Shows({"sluice://admin"})).ok()) << i;
  EXPECT_TRUE(Says(Change(Shows({"sluice://admin"})), StatusCode::kResourceExhausted,
                   {"more than 3 calls in a minute"}));
  EXPECT_TRUE(Change(Shows({"sluice://admin/r"})).ok());
  now_ += std::chrono::seconds(21);
  EXPECT_TRUE(Change(Shows({"sluice://admin"})).ok());
  EXPECT_EQ(guard_->tally().Counts().at("rate_limit"), 1u);
}

TEST_F(GuardTest, ALongArgumentIsCut) {
  Make();
  ASSERT_TRUE(Change(Plain(kLocal), std::string(100000, 'x')).ok());
  const std::string reason = Audited().at(0)["arguments"]["reason"];
  EXPECT_LT(reason.size(), 400u);
  EXPECT_NE(reason.find("(100000 bytes)"), std::string::npos);
}

TEST_F(GuardTest, AnEndMayOutliveItsGuard) {
  Make();
  const auto end = guard_->Begin(Plain(kLocal), kDrain, "r", {}, now_);
  ASSERT_TRUE(end.ok());
  guard_.reset();
  std::promise<absl::Status> told;
  (*end)(absl::CancelledError("gone"), "",
         [&told](const absl::Status& status) { told.set_value(status); });
  EXPECT_EQ(told.get_future().get().code(), StatusCode::kCancelled);
}

TEST_F(GuardTest, WhatCannotBeOpenedIsNamed) {
  options_.token_file = folder_.Path("none");
  EXPECT_TRUE(Says(Guard::Make(options_).status(), StatusCode::kNotFound, {"auth.tokens", "none"}));
  options_.token_file = "";
  options_.audit_path = folder_.Path("no/audit.jsonl");
  EXPECT_FALSE(Guard::Make(options_).ok());
}

}  // namespace
}  // namespace sluice::security

#include "common/security/guard.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/security/loopback.h"
#include "common/status.h"

namespace sluice::security {
namespace {

// Refused calls that are audited: this many at once, then one every six seconds.
constexpr double kRefusalsPerSecond = 1.0 / 6.0;
constexpr double kRefusalsAtOnce = 20.0;
constexpr size_t kMostArgument = 300;

Caller ByCertificate(const CallFacts& facts) {
  Caller caller;
  std::vector<std::string> names;
  for (const std::string& name : facts.names) {
    const std::optional<Grant> grant = ParseGrant(name);
    if (!grant.has_value()) continue;
    caller.grants.push_back(*grant);
    names.push_back(name);
  }
  caller.name = names.empty() ? "certificate without a name of ours"
                              : absl::StrCat("certificate ", absl::StrJoin(names, " "));
  return caller;
}

Caller ByAddress(const CallFacts& facts) {
  if (IsLocalPeer(facts.peer)) {
    return {"local", {{Role::kWorker}, {Role::kReader}, {Role::kAdmin}}};
  }
  return {"anonymous", {{Role::kWorker}, {Role::kReader}}};
}

// What was not looked at yet may be of any size.
Guard::Arguments Shortened(Guard::Arguments arguments) {
  for (auto& [name, value] : arguments) {
    if (value.size() <= kMostArgument) continue;
    value = absl::StrCat(value.substr(0, kMostArgument), "… (", value.size(), " bytes)");
  }
  return arguments;
}

std::string RolesOf(const Rule& rule) {
  std::vector<std::string> names;
  for (const Role role : kRoles) {
    if (rule.Allows(role)) names.emplace_back(RoleName(role));
  }
  return absl::StrJoin(names, " or ");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guard>> Guard::Make(const GuardOptions& options) {
  std::unique_ptr<TokenFile> tokens;
  if (!options.token_file.empty()) {
    auto opened = TokenFile::Open(options.token_file);
    SLUICE_RETURN_IF_ERROR(Annotate(opened.status(), "auth.tokens"));
    tokens = *std::move(opened);
  }
  std::unique_ptr<AuditLog> audit;
  if (!options.audit_path.empty()) {
    auto opened = AuditLog::Open({options.audit_path, options.audit_bytes, options.audit_files});
    SLUICE_RETURN_IF_ERROR(Annotate(opened.status(), "audit"));
    audit = *std::move(opened);
  }
  return std::unique_ptr<Guard>(new Guard(options, std::move(tokens), std::move(audit)));
}

Guard::Guard(const GuardOptions& options, std::unique_ptr<TokenFile> tokens,
             std::unique_ptr<AuditLog> audit)
    : options_(options),
      tokens_(std::move(tokens)),
      audit_(std::move(audit)),
      others_(options.calls_per_minute / 60.0, options.calls_per_minute),
      refusals_(kRefusalsPerSecond, kRefusalsAtOnce) {}

absl::StatusOr<Caller> Guard::ByToken(const CallFacts& facts, Time now) {
  absl::string_view token = *facts.authorization;
  if (!facts.encrypted && !IsLocalPeer(facts.peer)) {
    return absl::UnauthenticatedError(
        "a token came without TLS from another machine: it is not looked at, and is known on the "
        "way now");
  }
  if (!absl::ConsumePrefix(&token, "Bearer ") && !absl::ConsumePrefix(&token, "bearer ")) {
    return absl::UnauthenticatedError("authorization is not 'Bearer TOKEN'");
  }
  const std::optional<Caller> caller = tokens_->Find(token, now);
  if (!caller.has_value()) return absl::UnauthenticatedError("the token is not known");
  return *caller;
}

absl::StatusOr<Caller> Guard::Identify(const CallFacts& facts, Time now) {
  if (!options_.certificates && tokens_ == nullptr) return ByAddress(facts);
  if (tokens_ != nullptr && facts.authorization.has_value()) return ByToken(facts, now);
  if (options_.certificates && facts.certificate) return ByCertificate(facts);
  return absl::UnauthenticatedError(
      absl::StrCat("expected ", options_.certificates && tokens_ != nullptr
                                    ? "a certificate with a name sluice://ROLE or a token"
                                : options_.certificates ? "a certificate with a name sluice://ROLE"
                                                        : "a token"));
}

absl::Status Guard::Judge(const Caller& caller, const Rule& rule, const std::string& run) const {
  bool has_role = false;
  for (const Role role : kRoles) {
    if (!rule.Allows(role)) continue;
    if (caller.Has(role, run)) return absl::OkStatus();
    has_role |= caller.Has(role, "");
  }
  if (has_role) {
    return absl::PermissionDeniedError(
        absl::StrCat(rule.method, " of run '", run, "' is not for ", caller.name));
  }
  if (caller.name == "anonymous") {
    return absl::PermissionDeniedError(absl::StrCat(
        rule.method, " needs TLS and a certificate or a token from another machine than this one"));
  }
  return absl::PermissionDeniedError(absl::StrCat(rule.method, " is for the role ", RolesOf(rule),
                                                  ", which is not that of ", caller.name));
}

absl::StatusOr<Caller> Guard::Admit(const CallFacts& facts, const Rule& rule,
                                    const std::string& run, Time now) {
  absl::StatusOr<Caller> caller = Identify(facts, now);
  if (!caller.ok()) {
    tally_.Count(Denial::kUnauthenticated);
    return caller;
  }
  const absl::Status allowed = Judge(*caller, rule, run);
  if (!allowed.ok()) {
    tally_.Count(Denial::kPermission);
    return allowed;
  }
  return caller;
}

bool Guard::TakeTurn(const std::string& caller, Time now) {
  const absl::MutexLock lock(&mutex_);
  auto it = turns_.find(caller);
  if (it == turns_.end()) {
    if (turns_.size() >= kMostBuckets) {
      std::erase_if(turns_, [now](const auto& turn) { return turn.second.Full(now); });
    }
    if (turns_.size() >= kMostBuckets) return others_.Take(now);
    it = turns_
             .emplace(caller,
                      TokenBucket(options_.calls_per_minute / 60.0, options_.calls_per_minute))
             .first;
  }
  return it->second.Take(now);
}

void Guard::AuditRefusal(AuditEntry entry, const absl::Status& why, Time now) {
  if (audit_ == nullptr) return;
  {
    const absl::MutexLock lock(&mutex_);
    if (!refusals_.Take(now) || !audit_->Ready().ok()) {
      ++left_out_;
      return;
    }
    entry.left_out = std::exchange(left_out_, 0);
  }
  entry.result = absl::StatusCodeToString(why.code());
  entry.detail = std::string(why.message());
  audit_->Write(entry, nullptr);
}

absl::StatusOr<Guard::End> Guard::Begin(const CallFacts& facts, const Rule& rule,
                                        const std::string& run, const Arguments& arguments,
                                        Time now) {
  AuditEntry entry{"unknown", facts.peer, std::string(rule.method), Shortened(arguments), "", ""};
  const absl::StatusOr<Caller> caller = Identify(facts, now);
  absl::Status refused = caller.status();
  if (caller.ok()) {
    entry.caller = caller->name;
    refused = Judge(*caller, rule, run);
  }
  if (!refused.ok()) {
    tally_.Count(caller.ok() ? Denial::kPermission : Denial::kUnauthenticated);
  } else {
    // Whoever has no name of its own is told apart by its address.
    const bool named = caller->name != "local" && caller->name != "anonymous";
    if (!TakeTurn(named ? caller->name : PeerHost(facts.peer), now)) {
      tally_.Count(Denial::kRate);
      refused = absl::ResourceExhaustedError(
          absl::StrCat("more than ", options_.calls_per_minute, " calls in a minute"));
    } else if (audit_ != nullptr && !audit_->Ready().ok()) {
      return absl::UnavailableError("the audit log cannot be written, so nothing is changed");
    }
  }
  if (!refused.ok()) {
    AuditRefusal(std::move(entry), refused, now);
    return refused;
  }
  return End([audit = audit_, entry](const absl::Status& result, const std::string& detail,
                                     const Answer& answer) {
    if (audit == nullptr) return answer(result);
    AuditEntry line = entry;
    line.result = absl::StatusCodeToString(result.code());
    line.detail = result.ok() ? detail : std::string(result.message());
    audit->Write(line, [result, answer](const absl::Status& written) {
      answer(written.ok() ? result
                          : absl::InternalError(absl::StrCat(
                                "it was done, but the audit log could not be written: ",
                                written.message())));
    });
  });
}

}  // namespace sluice::security

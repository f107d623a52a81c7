#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/security/access.h"
#include "common/security/audit_log.h"
#include "common/security/caller.h"
#include "common/security/refusal_tally.h"
#include "common/security/token_bucket.h"
#include "common/security/token_file.h"

namespace sluice::security {

// What is known of a call before it is looked into.
struct CallFacts {
  std::string peer;                          // As gRPC names it.
  bool encrypted = false;                    // The connection is TLS.
  bool certificate = false;                  // With a client's certificate that was verified,
  std::vector<std::string> names;            // of these URIs.
  std::optional<std::string> authorization;  // The header of this name.
};

struct GuardOptions {
  bool certificates = false;      // Clients show certificates: tls.client-ca is given.
  std::string token_file;         // auth.tokens; empty: there are no tokens.
  double calls_per_minute = 600;  // Of one caller, of those that change something.
  std::string audit_path;         // Empty: nothing is audited.
  uint64_t audit_bytes = 16 << 20;
  int64_t audit_files = 8;
};

// Who may call what on one server. Without certificates and tokens, whoever calls from this machine
// may do all, and others what a worker and a reader may. With either, only those may call who show
// one of them. Counts what is refused, limits and audits what changes something. Thread-safe.
class Guard {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Arguments = std::vector<std::pair<std::string, std::string>>;

  // An error is one line for the user.
  static absl::StatusOr<std::unique_ptr<Guard>> Make(const GuardOptions& options);

  // The caller, if it may call `rule` for `run` (empty: for any). UNAUTHENTICATED or
  // PERMISSION_DENIED, counted.
  absl::StatusOr<Caller> Admit(const CallFacts& facts, const Rule& rule, const std::string& run,
                               Time now);

  // The end of an admitted call that changes something: takes what came of it, and calls back, on
  // any thread, once the audit log has it, with what the client is to be told. To be called once;
  // may outlive the guard.
  using Answer = std::function<void(const absl::Status&)>;
  using End = std::function<void(const absl::Status& result, const std::string& detail, Answer)>;
  // As Admit, and RESOURCE_EXHAUSTED over the rate limit, UNAVAILABLE while the audit log cannot be
  // written. What is refused goes to the audit log, too, up to a rate.
  absl::StatusOr<End> Begin(const CallFacts& facts, const Rule& rule, const std::string& run,
                            const Arguments& arguments, Time now);

  bool has_tokens() const { return tokens_ != nullptr; }
  // Thread-safe; lives as long as the guard.
  RefusalTally& tally() { return tally_; }

 private:
  static constexpr size_t kMostBuckets = 1024;

  Guard(const GuardOptions& options, std::unique_ptr<TokenFile> tokens,
        std::unique_ptr<AuditLog> audit);
  absl::StatusOr<Caller> Identify(const CallFacts& facts, Time now);
  absl::StatusOr<Caller> ByToken(const CallFacts& facts, Time now);
  absl::Status Judge(const Caller& caller, const Rule& rule, const std::string& run) const;
  bool TakeTurn(const std::string& caller, Time now);
  void AuditRefusal(AuditEntry entry, const absl::Status& why, Time now);

  const GuardOptions options_;
  const std::unique_ptr<TokenFile> tokens_;  // Null: there are none.
  const std::shared_ptr<AuditLog> audit_;    // Null: nothing is audited. Calls under way share it.
  RefusalTally tally_;
  absl::Mutex mutex_;
  // Of callers who called lately; when there are too many, the rest share one.
  std::map<std::string, TokenBucket> turns_ ABSL_GUARDED_BY(mutex_);
  TokenBucket others_ ABSL_GUARDED_BY(mutex_);
  TokenBucket refusals_ ABSL_GUARDED_BY(mutex_);
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::security

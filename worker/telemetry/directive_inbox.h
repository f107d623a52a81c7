#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/directive.h"
#include "worker/telemetry/event.h"

namespace sluice::telemetry {

// Mailbox from the publisher's thread to the trainer of rank 0: holds the newest good directive,
// and before it a roll-back that was not taken yet: it is asked for in one directive alone, and
// what replaced it would lose it. Offer and the plain members belong to one thread, Take to
// another, which never waits.
class DirectiveInbox {
 public:
  // `layers` are the run's gate layers, in order; a directive must be above `last_version`.
  DirectiveInbox(std::string run, std::vector<uint32_t> layers, uint64_t last_version);
  DirectiveInbox(const DirectiveInbox&) = delete;
  DirectiveInbox& operator=(const DirectiveInbox&) = delete;

  // Checks run, values (ValidateDirective) and version, then replaces what the box holds. A refused
  // directive changes nothing and is answered by what to report. The last accepted directive sent
  // again, unchanged, is neither: a sidecar repeats it after a reconnect.
  std::optional<DirectiveRefused> Offer(const Directive& directive);

  // Directives up to `version` are in force already, by another way: they count as stale.
  void Raise(uint64_t version);

  // The oldest that the box holds. Nothing if there is none, or if just now one is being put in.
  std::optional<Directive> Take();

  // Offering thread only: the newest accepted directive, taken or not.
  const std::optional<Directive>& last_accepted() const { return last_accepted_; }
  uint64_t last_version() const { return last_version_; }
  uint64_t accepted() const { return accepted_; }
  uint64_t repeated() const { return repeated_; }

 private:
  std::optional<DirectiveRefused> Check(const Directive& directive) const;

  const std::string run_;
  const std::vector<uint32_t> layers_;
  uint64_t last_version_;
  std::optional<Directive> last_accepted_;
  uint64_t accepted_ = 0;
  uint64_t repeated_ = 0;
  std::mutex mutex_;  // Guards the box; held for a copy at most.
  std::deque<Directive> box_;
};

}  // namespace sluice::telemetry

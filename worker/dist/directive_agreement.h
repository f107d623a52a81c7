#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/directive.h"
#include "common/file.h"
#include "worker/dist/control.h"
#include "worker/dist/process_group.h"
#include "worker/telemetry/decision_log.h"
#include "worker/telemetry/directive_replay.h"

namespace sluice::dist {

struct AgreementOptions {
  std::vector<uint32_t> layers;  // Gate layers of the run.
  uint32_t generation = 0;
  std::optional<Directive>
      in_force;  // From a checkpoint, and what was agreed on for the step after it.
  std::optional<Directive> agreed_next;
  std::string decision_log;  // Rank 0's log; empty: none is kept.
  std::string applied_log;   // This rank's list of (version, step); empty: none.
  // Decisions to take before live ones; `replay_is_own_log`: they stand in decision_log already.
  std::optional<telemetry::DirectiveReplay> replay;
  bool replay_is_own_log = false;
  // Newest live directive, rank 0 only; never blocks. May be empty.
  std::function<std::optional<Directive>()> take_live;
};

// Makes one directive version take effect on all ranks at one step: rank 0 offers it in the control
// vector of step t, broadcasts its values, writes (version, values, step) to the decision log, and
// every rank applies it at t + 1. The log entry is durable before that step's parameters change
// (AwaitDurable). One thread.
class DirectiveAgreement {
 public:
  static absl::StatusOr<DirectiveAgreement> Make(Group* group, AgreementOptions options);

  // Start of step `step`: the directive that takes effect now, if one does.
  std::optional<Directive> Begin(uint64_t step);
  // Rank 0 fills in what it offers at `step`; every rank the version it runs under.
  void FillControl(uint64_t step, ControlInput& input);
  // After the control sums of `step`: ABORTED that names all ranks' versions if they do not agree;
  // otherwise exchanges the offered directive. A collective when something was offered or the
  // versions disagree.
  absl::Status Accept(uint64_t step, const ControlResult& control);
  // Waits until the newest decision is durable: call before parameters change.
  absl::Status AwaitDurable();

  // Further decisions, after that of step `step`, are to be replayed: the run got past it before.
  bool ReplaysPast(uint64_t step) const {
    return options_.replay && step < options_.replay->last_step();
  }

  const std::optional<Directive>& in_force() const { return in_force_; }
  // Agreed on, takes effect at the next step.
  const std::optional<Directive>& agreed_next() const { return next_; }
  uint64_t version() const { return in_force_ ? in_force_->version : 0; }

 private:
  DirectiveAgreement(Group* group, AgreementOptions options)
      : group_(group), options_(std::move(options)) {}
  std::optional<Directive> NextOffer(uint64_t step);
  void LogDecision(uint64_t step, const Directive& directive);

  Group* group_;
  AgreementOptions options_;
  std::shared_ptr<telemetry::DecisionLog> log_;
  std::optional<AppendFile> applied_;
  std::future<absl::Status> write_;
  std::optional<Directive> in_force_;
  std::optional<Directive> offer_;
  std::optional<Directive> next_;  // Takes effect at the next step.
  uint64_t version_skew_ = 0;      // A planted fault, see SLUICE_FAULT in tests/README.md.
};

}  // namespace sluice::dist

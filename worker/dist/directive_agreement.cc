#include "worker/dist/directive_agreement.h"

#include "absl/strings/str_cat.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/dist/fault.h"

namespace sluice::dist {

absl::StatusOr<DirectiveAgreement> DirectiveAgreement::Make(Group* group,
                                                            AgreementOptions options) {
  DirectiveAgreement agreement(group, std::move(options));
  const AgreementOptions& o = agreement.options_;
  agreement.in_force_ = o.in_force;
  agreement.next_ = o.agreed_next;
  if (group->rank() == 0 && !o.decision_log.empty()) {
    SLUICE_ASSIGN_OR_RETURN(telemetry::DecisionLog log,
                            telemetry::DecisionLog::Open(o.decision_log));
    agreement.log_ = std::make_shared<telemetry::DecisionLog>(std::move(log));
  }
  if (!o.applied_log.empty()) {
    SLUICE_ASSIGN_OR_RETURN(agreement.applied_, AppendFile::Open(o.applied_log));
  }
  return agreement;
}

std::optional<Directive> DirectiveAgreement::Begin(uint64_t step) {
  version_skew_ = FaultFires("version_skew", group_->rank(), step) ? 1 : 0;
  if (!next_) return std::nullopt;
  in_force_ = std::exchange(next_, std::nullopt);
  LogInfo(absl::StrCat("directive ", in_force_->version, " applies from step ", step, ": ",
                       in_force_->reason));
  if (applied_) {
    const absl::Status status = applied_->Append(
        absl::StrCat("{\"version\":", in_force_->version, ",\"step\":", step, "}\n"));
    if (!status.ok()) LogWarn(absl::StrCat("applied log: ", status.ToString()));
  }
  return in_force_;
}

std::optional<Directive> DirectiveAgreement::NextOffer(uint64_t step) {
  if (group_->rank() != 0) return std::nullopt;
  if (options_.replay && step + 1 <= options_.replay->last_step())
    return options_.replay->At(step + 1);
  std::optional<Directive> live = options_.take_live ? options_.take_live() : std::nullopt;
  if (live && live->version <= version()) return std::nullopt;
  return live;
}

void DirectiveAgreement::FillControl(uint64_t step, ControlInput& input) {
  input.applied_version = version() + version_skew_;
  offer_ = NextOffer(step);
  if (offer_) {
    input.offered_version = offer_->version;
    input.offered_bytes = static_cast<int64_t>(DirectiveToJson(*offer_).size());
  }
}

void DirectiveAgreement::LogDecision(uint64_t step, const Directive& directive) {
  const bool is_logged =
      options_.replay_is_own_log && options_.replay && step + 1 <= options_.replay->last_step();
  if (!log_ || is_logged) return;
  // On another thread: the fsync overlaps the rest of this step, and AwaitDurable waits for it in
  // the next one.
  write_ = std::async(
      std::launch::async,
      [log = log_, entry = telemetry::DecisionEntry{step + 1, options_.generation, directive}] {
        return log->Append(entry);
      });
}

absl::Status DirectiveAgreement::Accept(uint64_t step, const ControlResult& control) {
  if (!control.versions_agree) return DescribeMismatch(*group_, version() + version_skew_, step);
  if (control.offered_version == 0) return absl::OkStatus();
  std::vector<uint8_t> bytes(control.offered_bytes);
  if (offer_) {
    const std::string text = DirectiveToJson(*offer_);
    bytes.assign(text.begin(), text.end());
  }
  if (group_->size() > 1) SLUICE_RETURN_IF_ERROR(group_->Broadcast(bytes));
  SLUICE_ASSIGN_OR_RETURN(Directive directive,
                          DirectiveFromJson(std::string(bytes.begin(), bytes.end())));
  // Every rank checks the same bytes and comes to the same result.
  SLUICE_RETURN_IF_ERROR(
      Annotate(ValidateDirective(directive, options_.layers),
               absl::StrCat("directive ", directive.version, " offered at step ", step)));
  SLUICE_RETURN_IF_ERROR(AwaitDurable());
  LogDecision(step, directive);
  next_ = std::move(directive);
  return absl::OkStatus();
}

absl::Status DirectiveAgreement::AwaitDurable() {
  if (!write_.valid()) return absl::OkStatus();
  return Annotate(write_.get(), "decision log");
}

}  // namespace sluice::dist

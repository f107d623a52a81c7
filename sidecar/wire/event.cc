#include "sidecar/wire/event.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/engine/refusal.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/token_map.h"

namespace sluice::sidecar {
namespace {

constexpr size_t kMaxText = 4096;
constexpr uint64_t kMaxGroups = 16384;

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

absl::Status CheckTotal(const std::string& field, uint64_t value) {
  return CheckInteger(field, value, 0, kMaxCount);
}

absl::StatusOr<Event> FromCheckpoint(const v1::CheckpointSaved& p) {
  SLUICE_RETURN_IF_ERROR(CheckTotal("checkpoint_saved.step", p.step()));
  SLUICE_RETURN_IF_ERROR(CheckTotal("checkpoint_saved.bytes", p.bytes()));
  SLUICE_RETURN_IF_ERROR(CheckTotal("checkpoint_saved.micros", p.micros()));
  SLUICE_RETURN_IF_ERROR(CheckName("checkpoint_saved.name", p.name()));
  SLUICE_RETURN_IF_ERROR(CheckLength("checkpoint_saved.error", p.error(), kMaxText));
  // The same one may be saved later.
  const char* kind = p.error().empty() ? "checkpoint" : "checkpoint_failed";
  Event event{kind, p.name(), p.step(), ToJson(p), {}, false};
  event.detail = p.error();
  return event;
}

absl::StatusOr<Event> FromProbe(const v1::ProbeResult& p) {
  SLUICE_RETURN_IF_ERROR(CheckName("probe_result.probe", p.probe()));
  SLUICE_RETURN_IF_ERROR(CheckTotal("probe_result.step", p.step()));
  SLUICE_RETURN_IF_ERROR(CheckTotal("probe_result.images", p.images()));
  SLUICE_RETURN_IF_ERROR(CheckNumber("probe_result.loss", p.loss(), 0.0, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(CheckNumber("probe_result.difference_standard_error",
                                     p.difference_standard_error(), 0.0, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(CheckNumber("probe_result.accuracy", p.accuracy(), 0.0, 1.0));
  SLUICE_RETURN_IF_ERROR(
      CheckNumber("probe_result.baseline_loss", p.baseline_loss(), 1e-12, kMaxNumber));
  const double delta = (p.loss() - p.baseline_loss()) / p.baseline_loss();
  // Two finite losses may lie further apart than a number can say.
  SLUICE_RETURN_IF_ERROR(
      CheckNumber("probe_result.loss over baseline_loss", delta, -kMaxNumber, kMaxNumber));
  const double noise = p.difference_standard_error() / p.baseline_loss();
  SLUICE_RETURN_IF_ERROR(CheckNumber("probe_result.difference_standard_error over baseline_loss",
                                     noise, 0.0, kMaxNumber));
  return Event{"probe", p.probe(), p.step(), ToJson(p), ProbeCheck{p.step(), delta, noise}, false};
}

absl::StatusOr<Event> FromBreaker(const v1::BreakerActionDone& p) {
  SLUICE_RETURN_IF_ERROR(
      CheckTotal("breaker_action_done.directive_version", p.directive_version()));
  SLUICE_RETURN_IF_ERROR(CheckTotal("breaker_action_done.step", p.step()));
  SLUICE_RETURN_IF_ERROR(CheckLength("breaker_action_done.error", p.error(), kMaxText));
  if (!v1::BreakerAction_IsValid(p.action())) {
    return Refuse(RefusalReason::kUnknown,
                  absl::StrCat("breaker_action_done.action is ", static_cast<int>(p.action()),
                               ", expected 1 to 5"));
  }
  Event event{"breaker", absl::StrCat(p.directive_version()), p.step(), ToJson(p), {}, false};
  event.detail = p.error();
  event.rolled_back = p.action() == v1::BREAKER_ACTION_ROLL_BACK;
  return event;
}

absl::StatusOr<Event> FromApplied(const v1::DirectiveApplied& p) {
  SLUICE_RETURN_IF_ERROR(CheckTotal("directive_applied.version", p.version()));
  SLUICE_RETURN_IF_ERROR(CheckTotal("directive_applied.step", p.step()));
  return Event{"directive_applied", absl::StrCat(p.version()), p.step(), ToJson(p), {}, false,
               p.version()};
}

absl::StatusOr<Event> FromRefused(const v1::DirectiveRefused& p) {
  SLUICE_RETURN_IF_ERROR(CheckTotal("directive_refused.version", p.version()));
  if (!v1::RefusalReason_IsValid(p.reason())) {
    return Refuse(RefusalReason::kUnknown,
                  absl::StrCat("directive_refused.reason is ", static_cast<int>(p.reason()),
                               ", expected one that is known here"));
  }
  SLUICE_RETURN_IF_ERROR(CheckLength("directive_refused.detail", p.detail(), kMaxText));
  return Event{"directive_refused", absl::StrCat(p.version()), 0, ToJson(p), {}, false, p.version(),
               p.detail()};
}

absl::StatusOr<Event> FromActivity(const v1::GroupActivity& p) {
  SLUICE_RETURN_IF_ERROR(CheckInteger("group_activity.first_step", p.first_step(), 1, kMaxCount));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("group_activity.last_step", p.last_step(), p.first_step(), kMaxCount));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("number of group_activity.groups", p.groups_size(), 0, kMaxGroups));
  GroupActivity activity{p.first_step(), p.last_step(), {}};
  for (int i = 0; i < p.groups_size(); ++i) {
    const v1::GroupCount& count = p.groups(i);
    const std::string field = absl::StrCat("group_activity.groups[", i, "]");
    SLUICE_RETURN_IF_ERROR(CheckName(field + ".group", count.group()));
    SLUICE_RETURN_IF_ERROR(CheckInteger(field + ".active_steps", count.active_steps(), 0,
                                        p.last_step() - p.first_step() + 1));
    activity.groups.push_back({count.group(), count.active_steps()});
  }
  Event event{"groups", absl::StrCat(p.last_step()), p.last_step(), "", {}, false};
  event.activity = std::move(activity);
  return event;
}

absl::StatusOr<Event> FromEnded(const v1::RunEnded& p, uint32_t rank) {
  SLUICE_RETURN_IF_ERROR(CheckTotal("run_ended.step", p.step()));
  SLUICE_RETURN_IF_ERROR(CheckLength("run_ended.error", p.error(), kMaxText));
  return Event{"ended", absl::StrCat("rank ", rank), p.step(), ToJson(p), {}, true};
}

}  // namespace

absl::StatusOr<Event> EventFromProto(const v1::WorkerMessage& proto) {
  switch (proto.body_case()) {
    case v1::WorkerMessage::kCheckpointSaved:
      return FromCheckpoint(proto.checkpoint_saved());
    case v1::WorkerMessage::kProbeResult:
      return FromProbe(proto.probe_result());
    case v1::WorkerMessage::kBreakerActionDone:
      return FromBreaker(proto.breaker_action_done());
    case v1::WorkerMessage::kDirectiveApplied:
      return FromApplied(proto.directive_applied());
    case v1::WorkerMessage::kDirectiveRefused:
      return FromRefused(proto.directive_refused());
    case v1::WorkerMessage::kGroupActivity:
      return FromActivity(proto.group_activity());
    case v1::WorkerMessage::kTokenMap:
      SLUICE_RETURN_IF_ERROR(CheckTokenMap(proto.token_map(), proto.identity().rank()));
      return Event{kTokenMapEvent, "", proto.token_map().step(), ToJson(proto.token_map())};
    case v1::WorkerMessage::kRunEnded:
      return FromEnded(proto.run_ended(), proto.identity().rank());
    default:
      return Refuse(RefusalReason::kMalformed, "the message has no body that is known here");
  }
}

}  // namespace sluice::sidecar

#include "sidecar/wire/hello.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/engine/features.h"
#include "sidecar/engine/refusal.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/directive.h"

namespace sluice::sidecar {
namespace {

constexpr uint64_t kMaxRanks = 100000;
// A bound of sense: the ladder has five rungs.
constexpr uint64_t kMaxBreakerLevel = 100;
constexpr uint64_t kMaxGeneration = uint64_t{1} << 24;
// Unix nanoseconds up to the year 2262.
constexpr uint64_t kMaxIncarnation = (uint64_t{1} << 63) - 1;

absl::Status CheckProcess(const v1::Hello& proto, const v1::Identity& identity) {
  SLUICE_RETURN_IF_ERROR(CheckName("hello.instance", proto.instance()));
  SLUICE_RETURN_IF_ERROR(CheckInteger("hello.world_size", proto.world_size(), 1, kMaxRanks));
  SLUICE_RETURN_IF_ERROR(CheckInteger("identity.rank", identity.rank(), 0, proto.world_size() - 1));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("identity.generation", identity.generation(), 0, kMaxGeneration));
  return CheckInteger("identity.incarnation", identity.incarnation(), 0, kMaxIncarnation);
}

absl::Status CheckGates(const v1::Hello& proto) {
  if (proto.gates_size() > kMaxGateLayers) {
    return Refuse(RefusalReason::kLimit,
                  absl::StrCat("hello.gates has ", proto.gates_size(),
                               " entries, expected at most ", kMaxGateLayers));
  }
  uint32_t former = 0;
  for (int i = 0; i < proto.gates_size(); ++i) {
    const v1::GateLayer& gate = proto.gates(i);
    const std::string field = absl::StrCat("hello.gates[", i, "]");
    SLUICE_RETURN_IF_ERROR(CheckInteger(field + ".layer", gate.layer(), former + 1, kMaxLayer));
    former = gate.layer();
    SLUICE_RETURN_IF_ERROR(CheckNumber(field + ".threshold", gate.threshold(), 0.0, 1.0));
    SLUICE_RETURN_IF_ERROR(CheckNumber(field + ".target_rate", gate.target_rate(), 0.0, 1.0));
    SLUICE_RETURN_IF_ERROR(CheckLength(field + ".scorer", gate.scorer(), 64));
    if (gate.policy() != "threshold" && gate.policy() != "budget" && gate.policy() != "sample") {
      SLUICE_RETURN_IF_ERROR(CheckLength(field + ".policy", gate.policy(), 64));
      return Refuse(RefusalReason::kUnknown,
                    absl::StrCat(field, ".policy is '", gate.policy(),
                                 "', expected threshold, budget or sample"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Directive>> InForceFromProto(const v1::Hello& proto,
                                                          const std::string& run) {
  // Version 0 says that none is in force.
  if (!proto.has_in_force() || proto.in_force().version() == 0) return std::nullopt;
  SLUICE_ASSIGN_OR_RETURN(Directive directive, DirectiveFromProto(proto.in_force()));
  std::vector<uint32_t> layers;
  for (const v1::GateLayer& gate : proto.gates()) layers.push_back(gate.layer());
  const absl::Status valid = ValidateDirective(directive, layers);
  if (!valid.ok()) {
    return Refuse(RefusalReason::kOutOfRange, absl::StrCat("hello.in_force: ", valid.message()));
  }
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("hello.in_force.version", directive.version, 1, uint64_t{1} << 62));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("hello.in_force.breaker_level", directive.breaker_level, 0, kMaxBreakerLevel));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("hello.in_force.based_on_step", directive.based_on_step, 0, kMaxCount));
  SLUICE_RETURN_IF_ERROR(CheckLength("hello.in_force.reason", directive.reason, 4096));
  if (!directive.run.empty() && directive.run != run) {
    return Refuse(RefusalReason::kUnknown, "hello.in_force.run is not the sender's run");
  }
  directive.run = run;
  return directive;
}

}  // namespace

absl::StatusOr<Hello> HelloFromProto(const v1::Hello& proto, const v1::Identity& identity) {
  SLUICE_RETURN_IF_ERROR(CheckProcess(proto, identity));
  SLUICE_RETURN_IF_ERROR(CheckInteger("hello.start_step", proto.start_step(), 0, kMaxCount));
  SLUICE_RETURN_IF_ERROR(CheckLength("hello.program_version", proto.program_version(), 256));
  SLUICE_RETURN_IF_ERROR(CheckGates(proto));
  Hello hello;
  hello.instance = proto.instance();
  hello.world_size = proto.world_size();
  for (const std::string& feature : proto.required_features()) {
    SLUICE_RETURN_IF_ERROR(CheckName("hello.required_features", feature));
    hello.required_features.push_back(feature);
  }
  for (const v1::GateLayer& gate : proto.gates()) {
    hello.gates.push_back(
        {gate.layer(), gate.scorer(), gate.policy(), gate.threshold(), gate.target_rate()});
  }
  SLUICE_ASSIGN_OR_RETURN(hello.in_force, InForceFromProto(proto, identity.run()));
  hello.start_step = proto.start_step();
  SLUICE_ASSIGN_OR_RETURN(hello.start_counters,
                          CountersFromProto(proto.start_counters(), "hello.start_counters"));
  hello.program_version = proto.program_version();
  return hello;
}

void HelloReplyToProto(const HelloReply& reply, v1::HelloReply* proto) {
  proto->set_lease_epoch(reply.lease_epoch);
  proto->set_durable_seq(reply.durable_seq);
  if (reply.in_force.has_value()) DirectiveToProto(*reply.in_force, proto->mutable_in_force());
  proto->set_window_steps(reply.window_steps);
  for (const std::string& feature : kFeatures) proto->add_features(feature);
}

}  // namespace sluice::sidecar

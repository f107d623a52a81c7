#include "sidecar/wire/snapshot.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/engine/refusal.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/counters.h"

namespace sluice::sidecar {
namespace {

absl::Status CheckSamples(const v1::GateSnapshot& p) {
  SLUICE_RETURN_IF_ERROR(CheckNumber("snapshot.loss", p.loss(), -kMaxNumber, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(CheckNumber("snapshot.gradient_norm", p.gradient_norm(), 0.0, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(CheckNumber("snapshot.learning_rate", p.learning_rate(), 0.0, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(
      CheckNumber("snapshot.images_per_second", p.images_per_second(), 0.0, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(CheckNumber("snapshot.train_accuracy", p.train_accuracy(), 0.0, 1.0));
  SLUICE_RETURN_IF_ERROR(CheckNumber("snapshot.accuracy_dense", p.accuracy_dense(), 0.0, 1.0));
  SLUICE_RETURN_IF_ERROR(CheckNumber("snapshot.accuracy_gated", p.accuracy_gated(), 0.0, 1.0));
  return CheckNumber("snapshot.compute_saved_ratio", p.compute_saved_ratio(), -100.0, 1.0);
}

absl::StatusOr<StepTiming> TimingFromProto(const v1::StepTiming& p) {
  const std::pair<const char*, double> seconds[] = {
      {"snapshot.timing.own_seconds", p.own_seconds()},
      {"snapshot.timing.backward_seconds", p.backward_seconds()},
      {"snapshot.timing.communication_seconds", p.communication_seconds()},
      {"snapshot.timing.exposed_seconds", p.exposed_seconds()}};
  for (const auto& [field, value] : seconds)
    SLUICE_RETURN_IF_ERROR(CheckNumber(field, value, 0.0, kMaxNumber));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("snapshot.timing.open_tokens", p.open_tokens(), 0, kMaxCount));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("snapshot.timing.gradient_bytes", p.gradient_bytes(), 0, kMaxCount));
  return StepTiming{p.own_seconds(),     p.backward_seconds(), p.communication_seconds(),
                    p.exposed_seconds(), p.open_tokens(),      p.gradient_bytes()};
}

absl::Status CopyLayers(const v1::GateSnapshot& proto, GateSnapshot& snapshot) {
  if (proto.layers_size() != proto.counters().layers_size()) {
    return Refuse(RefusalReason::kMalformed,
                  absl::StrCat("snapshot.layers has ", proto.layers_size(),
                               " entries, expected as many as counters.layers: ",
                               proto.counters().layers_size()));
  }
  for (int i = 0; i < proto.layers_size(); ++i) {
    const v1::LayerSample& layer = proto.layers(i);
    const std::string field = absl::StrCat("snapshot.layers[", i, "]");
    if (const uint32_t expected = proto.counters().layers(i).layer(); layer.layer() != expected) {
      return Refuse(RefusalReason::kMalformed,
                    absl::StrCat(field, ".layer is ", layer.layer(),
                                 ", expected that of counters.layers: ", expected));
    }
    SLUICE_RETURN_IF_ERROR(CheckNumber(field + ".threshold", layer.threshold(), 0.0, 1.0));
    SLUICE_RETURN_IF_ERROR(CheckNumber(field + ".target_rate", layer.target_rate(), 0.0, 1.0));
    snapshot.layers[i] = {layer.layer(), layer.threshold(), layer.target_rate()};
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GateSnapshot> SnapshotFromProto(const v1::GateSnapshot& proto) {
  SLUICE_RETURN_IF_ERROR(CheckInteger("snapshot.first_step", proto.first_step(), 1, kMaxCount));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("snapshot.last_step", proto.last_step(), proto.first_step(), kMaxCount));
  SLUICE_RETURN_IF_ERROR(CheckInteger("snapshot.coalesced", proto.coalesced(), 0, kMaxCount));
  SLUICE_RETURN_IF_ERROR(
      CheckInteger("snapshot.directive_version", proto.directive_version(), 0, kMaxCount));
  if (!proto.has_counters()) {
    return Refuse(RefusalReason::kMalformed, "snapshot.counters is absent");
  }
  GateSnapshot snapshot;
  SLUICE_ASSIGN_OR_RETURN(snapshot.counters,
                          CountersFromProto(proto.counters(), "snapshot.counters"));
  SLUICE_RETURN_IF_ERROR(CopyLayers(proto, snapshot));
  SLUICE_RETURN_IF_ERROR(CheckSamples(proto));
  snapshot.first_step = proto.first_step();
  snapshot.last_step = proto.last_step();
  snapshot.coalesced = proto.coalesced();
  snapshot.directive_version = proto.directive_version();
  snapshot.learning_rate = proto.learning_rate();
  snapshot.images_per_second = proto.images_per_second();
  snapshot.rate_alerts_silent = proto.rate_alerts_silent();
  if (proto.has_loss()) snapshot.loss = proto.loss();
  if (proto.has_train_accuracy()) snapshot.train_accuracy = proto.train_accuracy();
  if (proto.has_gradient_norm()) snapshot.gradient_norm = proto.gradient_norm();
  if (proto.has_accuracy_dense()) snapshot.accuracy_dense = proto.accuracy_dense();
  if (proto.has_accuracy_gated()) snapshot.accuracy_gated = proto.accuracy_gated();
  if (proto.has_compute_saved_ratio()) snapshot.compute_saved_ratio = proto.compute_saved_ratio();
  if (proto.has_timing()) {
    SLUICE_ASSIGN_OR_RETURN(snapshot.timing, TimingFromProto(proto.timing()));
  }
  return snapshot;
}

}  // namespace sluice::sidecar

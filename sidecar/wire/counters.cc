#include "sidecar/wire/counters.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/engine/refusal.h"
#include "sidecar/wire/check.h"

namespace sluice::sidecar {
namespace {

absl::Status CheckCount(const std::string& field, uint64_t value) {
  if (value <= kMaxCount) return absl::OkStatus();
  return Refuse(RefusalReason::kOutOfRange,
                absl::StrCat(field, " is ", value, ", expected at most 2^56"));
}

template <typename Bins, typename Repeated>
absl::Status CopyBins(const std::string& field, const Repeated& from, Bins& to) {
  if (from.size() != 0 && from.size() != static_cast<int>(to.size())) {
    return Refuse(RefusalReason::kMalformed,
                  absl::StrCat(field, " has ", from.size(), " bins, expected ", to.size()));
  }
  for (int i = 0; i < from.size(); ++i) {
    SLUICE_RETURN_IF_ERROR(CheckCount(field, from[i]));
    to[i] = from[i];
  }
  return absl::OkStatus();
}

absl::Status CopyLatency(const std::string& field, const v1::LatencyHistogram& from,
                         LatencyHistogram& to) {
  SLUICE_RETURN_IF_ERROR(CheckCount(field + ".sum_micros", from.sum_micros()));
  to.sum_micros = from.sum_micros();
  return CopyBins(field + ".bins", from.bins(), to.bins);
}

absl::Status CopyLayer(const std::string& field, const v1::LayerCounters& from, LayerCounters& to) {
  SLUICE_RETURN_IF_ERROR(CheckInteger(field + ".layer", from.layer(), 0, kMaxLayer));
  for (uint64_t count : {from.tokens_open(), from.tokens_closed(), from.score_sum_micro(),
                         from.score_square_sum_micro()}) {
    SLUICE_RETURN_IF_ERROR(CheckCount(field, count));
  }
  to.layer = from.layer();
  to.tokens_open = from.tokens_open();
  to.tokens_closed = from.tokens_closed();
  to.score_sum_micro = from.score_sum_micro();
  to.score_square_sum_micro = from.score_square_sum_micro();
  return CopyBins(field + ".score_histogram", from.score_histogram(), to.score_histogram);
}

void LatencyToProto(const LatencyHistogram& from, v1::LatencyHistogram* to) {
  to->mutable_bins()->Assign(from.bins.begin(), from.bins.end());
  to->set_sum_micros(from.sum_micros);
}

}  // namespace

absl::StatusOr<Counters> CountersFromProto(const v1::Counters& proto, const std::string& field) {
  Counters counters;
  if (proto.layers_size() > kMaxGateLayers) {
    return Refuse(RefusalReason::kLimit,
                  absl::StrCat(field, ".layers has ", proto.layers_size(),
                               " entries, expected at most ", kMaxGateLayers));
  }
  for (uint64_t count :
       {proto.steps(), proto.images_open(), proto.images_skipped(), proto.backward_steps()}) {
    SLUICE_RETURN_IF_ERROR(CheckCount(field, count));
  }
  counters.steps = proto.steps();
  counters.images_open = proto.images_open();
  counters.images_skipped = proto.images_skipped();
  counters.backward_steps = proto.backward_steps();
  counters.layer_count = static_cast<uint32_t>(proto.layers_size());
  for (int i = 0; i < proto.layers_size(); ++i) {
    SLUICE_RETURN_IF_ERROR(
        CopyLayer(absl::StrCat(field, ".layers[", i, "]"), proto.layers(i), counters.layers[i]));
  }
  SLUICE_RETURN_IF_ERROR(
      CopyLatency(field + ".gate_decision", proto.gate_decision(), counters.gate_decision));
  SLUICE_RETURN_IF_ERROR(CopyLatency(field + ".step", proto.step(), counters.step));
  SLUICE_RETURN_IF_ERROR(CopyLatency(field + ".inference", proto.inference(), counters.inference));
  return counters;
}

void CountersToProto(const Counters& counters, v1::Counters* proto) {
  proto->Clear();
  proto->set_steps(counters.steps);
  proto->set_images_open(counters.images_open);
  proto->set_images_skipped(counters.images_skipped);
  proto->set_backward_steps(counters.backward_steps);
  for (uint32_t i = 0; i < counters.layer_count; ++i) {
    const LayerCounters& from = counters.layers[i];
    v1::LayerCounters* to = proto->add_layers();
    to->set_layer(from.layer);
    to->set_tokens_open(from.tokens_open);
    to->set_tokens_closed(from.tokens_closed);
    to->set_score_sum_micro(from.score_sum_micro);
    to->set_score_square_sum_micro(from.score_square_sum_micro);
    to->mutable_score_histogram()->Assign(from.score_histogram.begin(), from.score_histogram.end());
  }
  LatencyToProto(counters.gate_decision, proto->mutable_gate_decision());
  LatencyToProto(counters.step, proto->mutable_step());
  LatencyToProto(counters.inference, proto->mutable_inference());
}

std::string CountersToBytes(const Counters& counters) {
  v1::Counters proto;
  CountersToProto(counters, &proto);
  return proto.SerializeAsString();
}

absl::StatusOr<Counters> CountersFromBytes(const std::string& bytes) {
  v1::Counters proto;
  if (!proto.ParseFromString(bytes)) return absl::DataLossError("counters do not parse");
  const absl::StatusOr<Counters> counters = CountersFromProto(proto, "counters");
  if (!counters.ok()) return absl::DataLossError(counters.status().message());
  return counters;
}

}  // namespace sluice::sidecar

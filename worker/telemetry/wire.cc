#include "worker/telemetry/wire.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sluice::telemetry {
namespace {

void Fill(const LatencyHistogram& from, v1::LatencyHistogram& to) {
  to.mutable_bins()->Add(from.bins.begin(), from.bins.end());
  to.set_sum_micros(from.sum_micros);
}

void Fill(const LayerCounters& from, v1::LayerCounters& to) {
  to.set_layer(from.layer);
  to.set_tokens_open(from.tokens_open);
  to.set_tokens_closed(from.tokens_closed);
  to.set_score_sum_micro(from.score_sum_micro);
  to.set_score_square_sum_micro(from.score_square_sum_micro);
  to.mutable_score_histogram()->Add(from.score_histogram.begin(), from.score_histogram.end());
}

void Fill(const StepTiming& from, v1::StepTiming& to) {
  to.set_own_seconds(from.own_seconds);
  to.set_backward_seconds(from.backward_seconds);
  to.set_communication_seconds(from.communication_seconds);
  to.set_exposed_seconds(from.exposed_seconds);
  to.set_open_tokens(from.open_tokens);
  to.set_gradient_bytes(from.gradient_bytes);
}

void Fill(const CheckpointSaved& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_checkpoint_saved();
  to.set_step(from.step);
  to.set_name(from.name);
  to.set_bytes(from.bytes);
  to.set_micros(from.micros);
  to.set_error(from.error);
}

void Fill(const ProbeResult& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_probe_result();
  to.set_probe(from.probe);
  to.set_step(from.step);
  to.set_images(from.images);
  to.set_loss(from.loss);
  to.set_difference_standard_error(from.difference_standard_error);
  to.set_accuracy(from.accuracy);
  to.set_baseline_loss(from.baseline_loss);
}

void Fill(const BreakerActionDone& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_breaker_action_done();
  to.set_directive_version(from.directive_version);
  to.set_action(static_cast<v1::BreakerAction>(from.action));
  to.set_step(from.step);
  to.set_error(from.error);
}

void Fill(const DirectiveApplied& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_directive_applied();
  to.set_version(from.version);
  to.set_step(from.step);
}

void Fill(const DirectiveRefused& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_directive_refused();
  to.set_version(from.version);
  to.set_reason(static_cast<v1::RefusalReason>(from.reason));
  to.set_detail(from.detail);
}

void Fill(const GroupActivity& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_group_activity();
  to.set_first_step(from.first_step);
  to.set_last_step(from.last_step);
  for (const GroupCount& count : from.groups) {
    v1::GroupCount& entry = *to.add_groups();
    entry.set_group(count.group);
    entry.set_active_steps(count.active_steps);
  }
}

std::string ToBits(const std::vector<uint8_t>& flags) {
  std::string bits((flags.size() + 7) / 8, '\0');
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << (i % 8));
  }
  return bits;
}

std::string ToBytes(const std::vector<float>& shares) {
  std::string bytes;
  bytes.reserve(shares.size());
  for (const float share : shares)
    bytes.push_back(static_cast<char>(std::lround(255.0f * std::clamp(share, 0.0f, 1.0f))));
  return bytes;
}

// A name of the user's files in UTF-8, which Protobuf insists on, or none if it is too long.
std::string ToLabel(const std::string& name) {
  constexpr size_t kMostBytes = 128;  // Of the protocol.
  using nlohmann::json;
  const std::string valid =
      json::parse(json(name).dump(-1, ' ', false, json::error_handler_t::replace));
  return valid.size() <= kMostBytes ? valid : "";
}

void Fill(const TokenMap& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_token_map();
  to.set_step(from.step);
  to.set_rows(from.rows);
  to.set_columns(from.columns);
  for (const TokenMapImage& image : from.images) {
    v1::TokenMapImage& entry = *to.add_images();
    entry.set_image_id(image.image_id);
    entry.set_label(ToLabel(image.label));
    entry.set_thumbnail(image.thumbnail);
    for (const TokenMapLayer& layer : image.layers) {
      v1::TokenMapLayer& gate = *entry.add_layers();
      gate.set_layer(layer.layer);
      gate.set_open(ToBits(layer.open));
      gate.set_scores(ToBytes(layer.scores));
    }
  }
}

void Fill(const RunEnded& from, v1::WorkerMessage& message) {
  auto& to = *message.mutable_run_ended();
  to.set_step(from.step);
  to.set_error(from.error);
}

}  // namespace

v1::Counters ToProto(const Counters& counters) {
  v1::Counters to;
  to.set_steps(counters.steps);
  to.set_images_open(counters.images_open);
  to.set_images_skipped(counters.images_skipped);
  to.set_backward_steps(counters.backward_steps);
  for (uint32_t i = 0; i < counters.layer_count; ++i) {
    Fill(counters.layers[i], *to.add_layers());
  }
  Fill(counters.gate_decision, *to.mutable_gate_decision());
  Fill(counters.step, *to.mutable_step());
  Fill(counters.inference, *to.mutable_inference());
  return to;
}

v1::GateSnapshot ToProto(const GateSnapshot& snapshot) {
  v1::GateSnapshot to;
  to.set_first_step(snapshot.first_step);
  to.set_last_step(snapshot.last_step);
  to.set_coalesced(snapshot.coalesced);
  *to.mutable_counters() = ToProto(snapshot.counters);
  for (uint32_t i = 0; i < snapshot.counters.layer_count; ++i) {
    v1::LayerSample& sample = *to.add_layers();
    sample.set_layer(snapshot.layers[i].layer);
    sample.set_threshold(snapshot.layers[i].threshold);
    sample.set_target_rate(snapshot.layers[i].target_rate);
  }
  to.set_directive_version(snapshot.directive_version);
  if (snapshot.loss) to.set_loss(*snapshot.loss);
  if (snapshot.train_accuracy) to.set_train_accuracy(*snapshot.train_accuracy);
  to.set_learning_rate(snapshot.learning_rate);
  if (snapshot.gradient_norm) to.set_gradient_norm(*snapshot.gradient_norm);
  to.set_images_per_second(snapshot.images_per_second);
  to.set_rate_alerts_silent(snapshot.rate_alerts_silent);
  if (snapshot.accuracy_dense) to.set_accuracy_dense(*snapshot.accuracy_dense);
  if (snapshot.accuracy_gated) to.set_accuracy_gated(*snapshot.accuracy_gated);
  if (snapshot.compute_saved_ratio) to.set_compute_saved_ratio(*snapshot.compute_saved_ratio);
  if (snapshot.timing) Fill(*snapshot.timing, *to.mutable_timing());
  return to;
}

v1::Directive ToProto(const Directive& directive) {
  v1::Directive to;
  to.set_run(directive.run);
  to.set_version(directive.version);
  for (const LayerDirective& layer : directive.layers) {
    v1::LayerDirective& entry = *to.add_layers();
    entry.set_layer(layer.layer);
    entry.set_threshold(layer.threshold);
    entry.set_target_rate(layer.target_rate);
  }
  for (const GroupScale& scale : directive.group_scales) {
    v1::GroupScale& entry = *to.add_group_scales();
    entry.set_group(scale.group);
    entry.set_scale(scale.scale);
  }
  to.set_rehearsal_share(directive.rehearsal_share);
  to.set_breaker_action(static_cast<v1::BreakerAction>(directive.breaker_action));
  to.set_breaker_level(directive.breaker_level);
  to.set_reason(directive.reason);
  to.set_based_on_step(directive.based_on_step);
  return to;
}

Directive FromProto(const v1::Directive& directive) {
  Directive to;
  to.run = directive.run();
  to.version = directive.version();
  for (const v1::LayerDirective& layer : directive.layers()) {
    to.layers.push_back({layer.layer(), layer.threshold(), layer.target_rate()});
  }
  for (const v1::GroupScale& scale : directive.group_scales()) {
    to.group_scales.push_back({scale.group(), scale.scale()});
  }
  to.rehearsal_share = directive.rehearsal_share();
  to.breaker_action = static_cast<BreakerAction>(directive.breaker_action());
  to.breaker_level = directive.breaker_level();
  to.reason = directive.reason();
  to.based_on_step = directive.based_on_step();
  return to;
}

void SetBody(const GateSnapshot& snapshot, v1::WorkerMessage& message) {
  *message.mutable_snapshot() = ToProto(snapshot);
}

void SetBody(const Event& event, v1::WorkerMessage& message) {
  std::visit([&](const auto& body) { Fill(body, message); }, event);
}

v1::Hello MakeHello(const PublisherConfig& config, const Directive* in_force) {
  v1::Hello hello;
  hello.set_instance(config.instance);
  hello.set_world_size(config.world_size);
  for (const GateDescription& gate : config.gates) {
    v1::GateLayer& to = *hello.add_gates();
    to.set_layer(gate.layer);
    to.set_scorer(gate.scorer);
    to.set_policy(gate.policy);
    to.set_threshold(gate.threshold);
    to.set_target_rate(gate.target_rate);
  }
  if (in_force != nullptr) *hello.mutable_in_force() = ToProto(*in_force);
  hello.set_start_step(config.start_step);
  *hello.mutable_start_counters() = ToProto(config.start_counters);
  hello.set_program_version(SLUICE_VERSION);
  return hello;
}

}  // namespace sluice::telemetry

#include "sidecar/wire/run_state.h"

#include "sidecar/engine/steering.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/directive.h"

namespace sluice::sidecar {
namespace {

void DropHistograms(v1::Counters* counters) {
  for (v1::LayerCounters& layer : *counters->mutable_layers()) layer.clear_score_histogram();
  counters->clear_gate_decision();
  counters->clear_step();
  counters->clear_inference();
}

void TimingToProto(const StepTiming& from, v1::StepTiming* to) {
  to->set_own_seconds(from.own_seconds);
  to->set_backward_seconds(from.backward_seconds);
  to->set_communication_seconds(from.communication_seconds);
  to->set_exposed_seconds(from.exposed_seconds);
  to->set_open_tokens(from.open_tokens);
  to->set_gradient_bytes(from.gradient_bytes);
}

void LayersToProto(const RunRecord& record, v1::RunState* proto) {
  for (size_t i = 0; i < record.gates.size(); ++i) {
    const LayerDirective in_force = InForce(record, i);
    const LayerSteering& from = record.steering[i];
    v1::LayerState* to = proto->add_layers();
    to->set_layer(in_force.layer);
    to->set_threshold(in_force.threshold);
    to->set_target_rate(in_force.target_rate);
    to->set_score_mean(from.last_mean);
    to->set_score_ema(from.ema_mean);
    to->set_score_stddev(from.last_stddev);
    to->set_activation_rate(from.last_rate);
  }
}

void AlertsToProto(const AlertState& alerts, v1::RunState* proto) {
  for (const Alert& from : alerts.firing) {
    v1::Alert* to = proto->add_alerts();
    to->set_name(from.name);
    to->set_reason(from.reason);
    to->set_since_step(from.since_step);
  }
}

void ProbesToProto(const RunRecord& record, v1::RunState* proto) {
  for (const auto& [name, from] : record.probes) {
    v1::ProbeState* to = proto->add_probes();
    to->set_probe(name);
    to->set_checks_ok(from.ok);
    to->set_checks_worse(from.worse);
    if (name == kOtherProbes) continue;
    to->set_step(from.step);
    to->set_loss_delta(from.delta);
    to->set_limit(from.limit);
    const auto streak = record.breaker.streaks.find(name);
    if (streak == record.breaker.streaks.end()) continue;
    to->set_worse_in_a_row(streak->second.worse);
    to->set_calm_in_a_row(streak->second.calm);
  }
}

void BreakerToProto(const RunView& view, v1::BreakerState* proto) {
  const BreakerState& from = view.record.breaker;
  proto->set_level(from.level);
  proto->set_highest_level(view.highest_breaker_level);
  proto->set_since_step(from.since_step);
  proto->set_reason(from.reason);
  proto->set_rollbacks(from.rollbacks);
  proto->set_most_rollbacks(view.most_rollbacks);
}

}  // namespace

void RunStateToProto(const RunView& view, bool brief, v1::RunState* proto) {
  const RunRecord& record = view.record;
  proto->set_run(record.run);
  proto->set_world_size(record.world_size);
  for (const RankView& from : view.ranks) {
    v1::RankState* to = proto->add_ranks();
    to->set_rank(from.rank);
    to->set_connected(from.connected);
    to->set_ended(from.ended);
    to->set_step(from.step);
    to->set_generation(from.generation);
    if (from.timing.has_value()) TimingToProto(*from.timing, to->mutable_timing());
  }
  proto->set_step(view.step);
  CountersToProto(view.counters, proto->mutable_counters());
  if (brief) DropHistograms(proto->mutable_counters());
  LayersToProto(record, proto);
  if (record.in_force.has_value()) {
    DirectiveToProto(*record.in_force, proto->mutable_directive());
    proto->set_breaker_level(record.in_force->breaker_level);
  }
  AlertsToProto(record.alerts, proto);
  ProbesToProto(record, proto);
  BreakerToProto(view, proto->mutable_breaker());
  for (const auto& map : view.maps) proto->add_map_steps(map->step);
  proto->set_coverage(record.coverage);
  const Newest& newest = record.newest;
  if (newest.loss.has_value()) proto->set_loss(*newest.loss);
  proto->set_learning_rate(newest.learning_rate);
  proto->set_images_per_second(newest.images_per_second);
  if (newest.accuracy_dense.has_value()) proto->set_accuracy_dense(*newest.accuracy_dense);
  if (newest.accuracy_gated.has_value()) proto->set_accuracy_gated(*newest.accuracy_gated);
  if (newest.compute_saved_ratio.has_value()) {
    proto->set_compute_saved_ratio(*newest.compute_saved_ratio);
  }
}

void WindowToProto(const WindowRecord& window, v1::Window* proto) {
  proto->set_first_step(window.first_step);
  proto->set_last_step(window.last_step);
  for (const LayerWindow& from : window.layers) {
    v1::LayerState* to = proto->add_layers();
    to->set_layer(from.layer);
    to->set_threshold(from.threshold);
    to->set_target_rate(from.target_rate);
    to->set_score_mean(from.mean);
    to->set_score_ema(from.ema);
    to->set_score_stddev(from.stddev);
    to->set_activation_rate(from.rate);
  }
  proto->set_coverage(window.coverage);
  proto->set_directive_version(window.directive_version);
  proto->set_reason(window.reason);
  if (window.loss.has_value()) proto->set_loss(*window.loss);
  proto->set_merged(window.merged);
}

}  // namespace sluice::sidecar

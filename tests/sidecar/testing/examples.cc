#include "tests/sidecar/testing/examples.h"

#include "sidecar/wire/counters.h"
#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/token_map.h"

namespace sluice::sidecar::testing {
namespace {

// Every histogram of it has bins.
Counters FullCounters(uint64_t step) {
  Counters counters = CountersAt(step);
  counters.gate_decision.bins[2] = counters.inference.bins[4] = step;
  counters.gate_decision.sum_micros = counters.inference.sum_micros = 9 * step;
  return counters;
}

void FillHello(v1::Hello* hello) {
  hello->set_instance("instance");
  hello->set_world_size(2);
  hello->add_required_features("telemetry");
  v1::GateLayer* gate = hello->add_gates();
  gate->set_layer(kLayer);
  gate->set_scorer("head");
  gate->set_policy("threshold");
  gate->set_threshold(0.3);
  gate->set_target_rate(0.25);
  *hello->mutable_in_force() = ExampleDirective();
  hello->set_start_step(10);
  CountersToProto(FullCounters(10), hello->mutable_start_counters());
  hello->set_program_version("0.1.0");
}

void FillSnapshot(v1::GateSnapshot* snapshot) {
  snapshot->set_first_step(11);
  snapshot->set_last_step(30);
  snapshot->set_coalesced(19);
  CountersToProto(FullCounters(30), snapshot->mutable_counters());
  v1::LayerSample* layer = snapshot->add_layers();
  layer->set_layer(kLayer);
  layer->set_threshold(0.3);
  layer->set_target_rate(0.25);
  snapshot->set_directive_version(3);
  snapshot->set_loss(1.5);
  snapshot->set_train_accuracy(0.5);
  snapshot->set_learning_rate(1e-3);
  snapshot->set_gradient_norm(2.0);
  snapshot->set_images_per_second(100.0);
  snapshot->set_rate_alerts_silent(true);
  snapshot->set_accuracy_dense(0.6);
  snapshot->set_accuracy_gated(0.5);
  snapshot->set_compute_saved_ratio(0.4);
  v1::StepTiming* timing = snapshot->mutable_timing();
  timing->set_own_seconds(0.1);
  timing->set_backward_seconds(0.2);
  timing->set_communication_seconds(0.05);
  timing->set_exposed_seconds(0.01);
  timing->set_open_tokens(100);
  timing->set_gradient_bytes(1000);
}

void FillProbe(v1::ProbeResult* probe) {
  probe->set_probe("probe");
  probe->set_step(30);
  probe->set_images(100);
  probe->set_loss(1.2);
  probe->set_difference_standard_error(0.01);
  probe->set_accuracy(0.6);
  probe->set_baseline_loss(1.0);
}

v1::WorkerMessage& Add(std::vector<v1::WorkerMessage>& all) {
  v1::WorkerMessage& message = all.emplace_back();
  v1::Identity* identity = message.mutable_identity();
  identity->set_run("run-1");
  identity->set_generation(1);
  identity->set_rank(0);
  identity->set_incarnation(5);
  if (all.size() > 1) {
    identity->set_lease_epoch(1);
    identity->set_seq(all.size() - 1);
  }
  return message;
}

void AddRest(std::vector<v1::WorkerMessage>& all) {
  v1::CheckpointSaved* saved = Add(all).mutable_checkpoint_saved();
  saved->set_step(30);
  saved->set_name("checkpoint-30.safetensors");
  saved->set_bytes(1000);
  saved->set_micros(2000);
  FillProbe(Add(all).mutable_probe_result());
  v1::BreakerActionDone* done = Add(all).mutable_breaker_action_done();
  done->set_directive_version(3);
  done->set_action(v1::BREAKER_ACTION_ROLL_BACK);
  done->set_step(30);
  done->set_error("there is no healthy checkpoint");
  v1::DirectiveApplied* applied = Add(all).mutable_directive_applied();
  applied->set_version(3);
  applied->set_step(30);
  v1::DirectiveRefused* refused = Add(all).mutable_directive_refused();
  refused->set_version(4);
  refused->set_reason(v1::REFUSAL_REASON_STALE);
  refused->set_detail("older");
  v1::GroupActivity* activity = Add(all).mutable_group_activity();
  activity->set_first_step(11);
  activity->set_last_step(110);
  v1::GroupCount* group = activity->add_groups();
  group->set_group("blocks.3.attn.head.1");
  group->set_active_steps(2);
  *Add(all).mutable_token_map() = MapOf(30);
  v1::RunEnded* ended = Add(all).mutable_run_ended();
  ended->set_step(110);
  ended->set_error("out of memory");
}

}  // namespace

v1::Directive ExampleDirective() {
  v1::Directive directive;
  directive.set_run("run-1");
  directive.set_version(3);
  v1::LayerDirective* layer = directive.add_layers();
  layer->set_layer(kLayer);
  layer->set_threshold(0.3);
  layer->set_target_rate(0.25);
  v1::GroupScale* scale = directive.add_group_scales();
  scale->set_group("blocks.3.attn.head.1");
  scale->set_scale(2.0);
  directive.set_rehearsal_share(0.1);
  directive.set_breaker_action(v1::BREAKER_ACTION_REHEARSE);
  directive.set_breaker_level(3);
  directive.set_reason("probe");
  directive.set_based_on_step(9);
  return directive;
}

std::vector<v1::WorkerMessage> ExampleMessages() {
  std::vector<v1::WorkerMessage> all;
  FillHello(Add(all).mutable_hello());
  FillSnapshot(Add(all).mutable_snapshot());
  AddRest(all);
  return all;
}

}  // namespace sluice::sidecar::testing

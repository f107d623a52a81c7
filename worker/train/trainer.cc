#include "worker/train/trainer.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log_line.h"
#include "common/median.h"
#include "common/status.h"
#include "worker/dist/fault.h"
#include "worker/train/calibrate.h"
#include "worker/train/clock.h"
#include "worker/train/evaluate.h"
#include "worker/train/step_setup.h"
#include "worker/train/work_done.h"

namespace sluice::train {
namespace {

constexpr size_t kMostLosses = 100'000;
// Enough for a temperature, and a small part of an evaluation.
constexpr int64_t kCalibrationImages = 512;

}  // namespace

Trainer::Trainer(const TrainerParts& parts, checkpoint::TrainState state)
    : parts_(parts),
      state_(std::move(state)),
      steering_(parts.board, parts.group,
                [this]() -> absl::StatusOr<std::string> {
                  SLUICE_RETURN_IF_ERROR(Checkpoint(static_cast<int64_t>(state_.step)));
                  return NewestCheckpoint();
                }),
      progress_(parts.group->rank() == 0 ? parts.config->progress_seconds : 0.0, Clock::now()) {
  const config::TrainConfig& config = *parts_.config;
  const int rank = parts_.group->rank();
  if (rank < static_cast<int>(state_.counters.size())) counters_ = state_.counters[rank];
  if (config.gate.decides()) {
    counters_.layer_count = static_cast<uint32_t>(config.gate.layers.size());
    for (size_t k = 0; k < config.gate.layers.size(); ++k) {
      counters_.layers[k].layer = static_cast<uint32_t>(config.gate.layers[k]);
    }
  }
  opening_ = {config.gate.anneal_steps, config.gate.grow_steps, config.train.steps};
  eval_pipeline_ = config::ResolvePipeline(config, false).value();
  loader_ = MakeTrainLoader(config, *parts_.datasets, *parts_.group, state_.step);
  step_ = std::make_unique<TrainStep>(
      parts_.assembly->model.get(), parts_.assembly->optimizer.get(), parts_.group,
      parts_.agreement, loader_.get(), MakeStepOptions(config, parts_.group->size()));
  for (const gate::CachedScore& score : state_.image_scores)
    step_->image_gate().cache().Store(score);
  report_.run = config.run;
  first_step_ = static_cast<int64_t>(state_.step) + 1;
  step_->footprint().Restore(state_.head_entropies, first_step_);
  if (parts_.agreement->in_force()) ApplyDirective(*parts_.agreement->in_force());
}

void Trainer::ApplyDirective(const Directive& directive) {
  for (GateAt& gate : parts_.assembly->model->settings().gates) {
    for (const LayerDirective& layer : directive.layers) {
      if (layer.layer != gate.layer) continue;
      gate.policy.threshold = layer.threshold;
      const bool by_rate = gate.policy.kind != gate::PolicyKind::kThreshold;
      if (by_rate && layer.target_rate > 0.0) gate.policy.rate = layer.target_rate;
    }
  }
  parts_.publisher->SetInForce(directive);
  report_.directive_version = directive.version;
}

double Trainer::RateInForce(size_t gate) const {
  const gate::Policy& policy = parts_.assembly->model->settings().gates[gate].policy;
  // A threshold's rate is the sidecar's aim; here it is what the configuration asked for.
  return policy.kind == gate::PolicyKind::kThreshold ? parts_.config->gate.rate(gate) : policy.rate;
}

void Trainer::Publish(int64_t step, const StepOutcome& outcome, double seconds) {
  counters_.step.Add(static_cast<uint64_t>(seconds * 1e6));
  const GateSettings& settings = parts_.assembly->model->settings();
  GateSnapshot snapshot;
  snapshot.first_step = snapshot.last_step = static_cast<uint64_t>(step);
  snapshot.counters = counters_;
  for (uint32_t k = 0; k < counters_.layer_count; ++k) {
    snapshot.layers[k] = {counters_.layers[k].layer, settings.gates[k].policy.threshold,
                          RateInForce(k)};
  }
  snapshot.directive_version = parts_.agreement->version();
  snapshot.loss = outcome.loss;
  snapshot.train_accuracy = outcome.accuracy;
  snapshot.learning_rate = outcome.learning_rate;
  snapshot.gradient_norm = outcome.gradient_norm;
  snapshot.images_per_second =
      static_cast<double>(parts_.config->train.batch * parts_.config->train.accumulate) /
      std::max(timer_.seconds_per_step(), 1e-9);
  snapshot.rate_alerts_silent =
      counters_.layer_count == 0 || settings.shadow || settings.opening > 0.0;
  snapshot.compute_saved_ratio = saved_;
  snapshot.accuracy_dense = report_.accuracy_dense;
  snapshot.accuracy_gated = report_.accuracy_gated;
  parts_.publisher->Publish(snapshot);
  newest_ = snapshot;
}

void Trainer::PublishEvaluation() {
  if (newest_.last_step == 0) return;  // No step has run.
  newest_.counters = counters_;
  newest_.accuracy_dense = report_.accuracy_dense;
  newest_.accuracy_gated = report_.accuracy_gated;
  parts_.publisher->Publish(newest_);
}

void Trainer::ShowProgress(int64_t step, const StepOutcome& outcome) {
  const int64_t total = parts_.config->train.steps;
  if (!progress_.IsDue(Clock::now(), step == total)) return;
  ProgressSample sample;
  sample.step = step;
  sample.total_steps = total;
  sample.images_per_second =
      static_cast<double>(parts_.config->train.batch * parts_.config->train.accumulate) /
      timer_.seconds_per_step();
  sample.loss = outcome.loss;
  sample.activation_rate = static_cast<double>(outcome.control.tokens_open) /
                           static_cast<double>(outcome.control.tokens);
  sample.threshold = parts_.assembly->model->settings().gates.back().policy.threshold;
  sample.learning_rate = outcome.learning_rate;
  sample.directive_version = parts_.agreement->version();
  LogInfo(ProgressLine(sample, timer_.seconds_per_step()));
}

absl::Status Trainer::RunStep(int64_t step) {
  const auto start = Clock::now();
  if (dist::FaultFires("abort", parts_.group->rank(), static_cast<uint64_t>(step))) std::_Exit(137);
  if (const std::optional<Directive> directive =
          parts_.agreement->Begin(static_cast<uint64_t>(step))) {
    ApplyDirective(*directive);
    ++report_.directives_applied;
    if (parts_.group->rank() == 0) {
      parts_.publisher->Send(
          telemetry::DirectiveApplied{directive->version, static_cast<uint64_t>(step)});
    }
  }
  parts_.assembly->model->settings().opening = opening_.At(step);
  SLUICE_ASSIGN_OR_RETURN(const StepOutcome outcome,
                          step_->Run(step, steering_.Wishes(), counters_));
  const double seconds = SecondsSince(start);
  if (outcome.ledger) {
    saved_ = TimeSaved(*outcome.ledger, seconds - outcome.ledger_seconds,
                       parts_.config->train.accumulate);
    ledger_.push_back(*outcome.ledger);
    time_saved_.push_back(*saved_);
  }
  timer_.Add(seconds);
  step_seconds_.push_back(seconds);
  state_.train_seconds += seconds;
  state_.step = static_cast<uint64_t>(step);
  tokens_ += outcome.control.tokens;
  tokens_open_ += outcome.control.tokens_open;
  report_.images += outcome.control.images;
  if (report_.losses.size() < kMostLosses) report_.losses.push_back(outcome.loss.value_or(0.0));
  Publish(step, outcome, seconds);
  ShowProgress(step, outcome);
  parts_.board->SetProgress(state_.step, parts_.agreement->version(), NewestCheckpoint());
  SLUICE_ASSIGN_OR_RETURN(stop_, steering_.Obey(outcome.control));
  stop_ = stop_ || step == parts_.config->stop_after;
  return absl::OkStatus();
}

absl::Status Trainer::CalibrateNow() {
  const config::TrainConfig& config = *parts_.config;
  if (!config.gate.calibrate) return absl::OkStatus();
  GatedModel& model = *parts_.assembly->model;
  SLUICE_ASSIGN_OR_RETURN(report_.calibration,
                          CalibrateHeads(model, parts_.datasets->eval, eval_pipeline_,
                                         *parts_.group, kCalibrationImages, config.eval_batch));
  for (const gate::Calibration& c : report_.calibration) {
    state_.temperatures[absl::StrCat(c.layer)] = c.temperature;
    LogInfo(absl::StrFormat("gate %d: temperature %.2f, expected calibration error %.4f, was %.4f",
                            c.layer, c.temperature, c.error_after, c.error_before));
  }
  SetTemperatures(state_.temperatures, model);
  return absl::OkStatus();
}

absl::Status Trainer::EvaluateNow(int64_t step) {
  const config::TrainConfig& config = *parts_.config;
  const service::Phase phase = parts_.board->Status().phase;
  const bool ends = phase == service::Phase::kDraining;
  if (!ends) parts_.board->SetPhase(service::Phase::kEvaluating);
  SLUICE_ASSIGN_OR_RETURN(
      const Evaluations found,
      EvaluateModes(*parts_.assembly->model, parts_.datasets->eval, eval_pipeline_, *parts_.group,
                    config.eval_batch, config.eval_mode, static_cast<uint64_t>(config.train.seed),
                    absl::StrCat("step ", step, ": "), &counters_.inference));
  CurvePoint point;
  point.step = step;
  point.seconds = state_.train_seconds;
  if (found.dense) point.accuracy_dense = found.dense->accuracy;
  if (found.gated) {
    point.accuracy_gated = found.gated->accuracy;
    report_.eval_activation_rate = found.gated->activation_rate;
  }
  report_.accuracy_dense = point.accuracy_dense;
  report_.accuracy_gated = point.accuracy_gated;
  report_.curve.push_back(point);
  parts_.board->SetPhase(phase);
  return absl::OkStatus();
}

absl::Status Trainer::Checkpoint(int64_t step) {
  if (last_checkpoint_ == step) return absl::OkStatus();
  last_checkpoint_ = step;
  // What the checkpoint says of decisions must be in the decision log.
  SLUICE_RETURN_IF_ERROR(parts_.agreement->AwaitDurable());
  SLUICE_ASSIGN_OR_RETURN(state_.counters, GatherCounters(*parts_.group, counters_));
  report_.work = Total(state_.counters);
  const config::TrainConfig& config = *parts_.config;
  if (parts_.group->rank() != 0) return absl::OkStatus();
  const auto start = Clock::now();
  state_.fingerprint = config::Fingerprint(config);
  state_.in_force = parts_.agreement->in_force();
  state_.agreed_next = parts_.agreement->agreed_next();
  state_.decision_position = static_cast<uint64_t>(step) + (state_.agreed_next ? 1 : 0);
  state_.head_entropies = step_->footprint().entropies();
  state_.image_scores = step_->image_gate().cache().All();
  const AdamW& optimizer = *parts_.assembly->optimizer;
  for (size_t g = 0; g < optimizer.groups().size(); ++g) {
    state_.group_steps[optimizer.groups()[g].name] = parts_.assembly->optimizer->group_steps()[g];
  }
  state_.class_names = parts_.datasets->train->class_names();
  state_.mean = config.data.mean;
  state_.std = config.data.std;
  state_.config_toml = parts_.config_toml;
  const std::string name = checkpoint::CheckpointName(state_.step);
  report_.checkpoint = (std::filesystem::path(config.run_folder) / name).string();
  SLUICE_RETURN_IF_ERROR(Annotate(
      checkpoint::SaveCheckpoint(report_.checkpoint, state_, CheckpointTensors(*parts_.assembly)),
      "save checkpoint"));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(report_.checkpoint, error);
  parts_.publisher->Send(telemetry::CheckpointSaved{
      state_.step, name, error ? 0 : bytes, static_cast<uint64_t>(SecondsSince(start) * 1e6)});
  return checkpoint::PruneCheckpoints(config.run_folder, config.checkpoint_keep);
}

std::string Trainer::NewestCheckpoint() const {
  const int64_t step = last_checkpoint_ >= 0 ? last_checkpoint_ : first_step_ - 1;
  return step > 0 ? checkpoint::CheckpointName(static_cast<uint64_t>(step)) : std::string();
}

absl::Status Trainer::RunSteps() {
  const config::TrainConfig& config = *parts_.config;
  const auto is_due = [](int64_t step, int64_t every) { return every > 0 && step % every == 0; };
  parts_.board->SetProgress(state_.step, parts_.agreement->version(), NewestCheckpoint());
  parts_.board->SetPhase(service::Phase::kTraining);
  if (config.paused) {
    SLUICE_ASSIGN_OR_RETURN(stop_, steering_.Pause());
  }
  for (int64_t step = first_step_; step <= config.train.steps && !stop_; ++step) {
    SLUICE_RETURN_IF_ERROR(RunStep(step));
    // Also where the run is stopped: an undisturbed one would go on with it.
    if (is_due(step, config.eval_every) || step == config.train.steps)
      SLUICE_RETURN_IF_ERROR(CalibrateNow());
    const bool ends = stop_ || step == config.train.steps;
    if (is_due(step, config.eval_every) && !ends) SLUICE_RETURN_IF_ERROR(EvaluateNow(step));
    if (is_due(step, config.checkpoint_every)) SLUICE_RETURN_IF_ERROR(Checkpoint(step));
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainReport> Trainer::Run() {
  SLUICE_RETURN_IF_ERROR(RunSteps());
  parts_.board->OnDraining();
  report_.publisher_cpu_seconds = parts_.publisher->Stats().cpu_seconds;
  const auto last = static_cast<int64_t>(state_.step);
  SLUICE_RETURN_IF_ERROR(Checkpoint(last));
  SLUICE_RETURN_IF_ERROR(EvaluateNow(last));
  PublishEvaluation();
  report_.steps = static_cast<int64_t>(step_seconds_.size());
  report_.last_step = last;
  report_.seconds = state_.train_seconds;
  report_.median_step_seconds = Median(step_seconds_);
  report_.longest_step_seconds =
      step_seconds_.empty() ? 0.0 : *std::max_element(step_seconds_.begin(), step_seconds_.end());
  report_.activation_rate =
      tokens_ > 0 ? static_cast<double>(tokens_open_) / static_cast<double>(tokens_) : 1.0;
  report_.directive_version = parts_.agreement->version();
  report_.gradient_bytes = step_->bytes_sent();
  report_.savings = Summarise(ledger_, time_saved_);
  return report_;
}

}  // namespace sluice::train

#include "worker/train/trainer.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log_line.h"
#include "common/median.h"
#include "common/status.h"
#include "worker/dist/fault.h"
#include "worker/train/clock.h"
#include "worker/train/run_state.h"
#include "worker/train/step_setup.h"
#include "worker/train/work_done.h"

namespace sluice::train {

Trainer::Trainer(const TrainerParts& parts, checkpoint::TrainState state)
    : parts_(parts),
      state_(std::move(state)),
      steering_(parts.board, parts.group,
                [this]() -> absl::StatusOr<std::string> {
                  SLUICE_RETURN_IF_ERROR(Checkpoint(static_cast<int64_t>(state_.step)));
                  SLUICE_RETURN_IF_ERROR(SettleCheckpoint());
                  return saves_.newest();
                }),
      reporter_(parts.config, parts.assembly->model.get(), parts.agreement, parts.publisher,
                parts.group->rank() == 0),
      checks_(parts.config, parts.assembly, parts.datasets, parts.group, parts.publisher),
      saves_(parts.config, parts.group, parts.publisher, state_) {
  const config::TrainConfig& config = *parts_.config;
  DescribeRun(config, parts_.config_toml, *parts_.datasets, state_);
  const int rank = parts_.group->rank();
  if (rank < static_cast<int>(state_.counters.size())) counters_ = state_.counters[rank];
  if (config.gate.decides()) {
    counters_.layer_count = static_cast<uint32_t>(config.gate.layers.size());
    for (size_t k = 0; k < config.gate.layers.size(); ++k)
      counters_.layers[k].layer = static_cast<uint32_t>(config.gate.layers[k]);
  }
  opening_ = {config.gate.anneal_steps, config.gate.grow_steps, config.train.steps};
  loader_ = parts_.ingestion != nullptr
                ? parts_.ingestion->MakeLoader(state_.step)
                : MakeTrainLoader(config, *parts_.datasets, *parts_.group, state_.step);
  StepOptions options = MakeStepOptions(config, parts_.group->size());
  options.rehearsal = MakeRehearsal(config, parts_.datasets->buffers, *parts_.group);
  options.ewc = parts_.assembly->ewc;
  parts_.assembly->model->SetReplay(MakeReplay(config.legacy));
  step_ =
      std::make_unique<TrainStep>(parts_.assembly->model.get(), parts_.assembly->optimizer.get(),
                                  parts_.group, parts_.agreement, loader_.get(), options);
  for (const gate::CachedScore& score : state_.image_scores)
    step_->image_gate().cache().Store(score);
  report_.run = config.run;
  first_step_ = static_cast<int64_t>(state_.step) + 1;
  step_->footprint().Restore(state_.head_entropies, first_step_);
  activity_ = std::make_unique<GroupActivity>(config.train.dormant_window,
                                              parts_.assembly->optimizer.get(), first_step_);
  if (parts_.group->rank() == 0) {
    maps_ = std::make_unique<TokenMaps>(parts_.config, parts_.assembly->model->vit()->config(),
                                        parts_.datasets->train->class_names(), parts_.publisher);
  }
  rungs_ = std::make_unique<Rungs>(parts_.config, parts_.assembly, step_.get(),
                                   !parts_.datasets->buffers.empty());
  const std::optional<Directive>& in_force = parts_.agreement->in_force();
  if (in_force) {
    SetGates(*in_force);
    breaker_level_ = in_force->breaker_level;
  }
  // A roll-back that is in force was executed when it came.
  rungs_->Hold(in_force ? &*in_force : nullptr, first_step_);
}

void Trainer::SetGates(const Directive& directive) {
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

absl::Status Trainer::ApplyDirective(const Directive& directive, int64_t step) {
  const bool moved = directive.breaker_level != breaker_level_;
  const bool goes_back = directive.breaker_action == BreakerAction::kRollBack;
  breaker_level_ = directive.breaker_level;
  SetGates(directive);
  std::string error = rungs_->Hold(&directive, step);
  if (goes_back) {
    SLUICE_RETURN_IF_ERROR(SettleCheckpoint());
    SLUICE_RETURN_IF_ERROR(saves_.ShareHealthy());
    state_.healthy_step = saves_.healthy_step();
    const absl::Status status = rungs_->RollBack(state_);
    if (!status.ok() && !absl::IsNotFound(status)) return Annotate(status, "roll-back");
    if (!status.ok()) error = std::string(status.message());
    ++report_.rollbacks;
    // What was saved and found at the step before is of other values.
    rolled_back_ = true;
    evaluated_step_ = -1;
    state_.accuracies.erase(state_.step);
    activity_->Restart(step);
  }
  ++report_.directives_applied;
  if (!error.empty()) LogWarn(absl::StrCat("breaker: ", error));
  if (parts_.group->rank() == 0) {
    const auto at = static_cast<uint64_t>(step);
    parts_.publisher->Send(telemetry::DirectiveApplied{directive.version, at});
    if (moved || goes_back) {
      parts_.publisher->Send(
          telemetry::BreakerActionDone{directive.version, directive.breaker_action, at, error});
    }
  }
  return goes_back ? PauseAfterRollBack(step) : absl::OkStatus();
}

absl::Status Trainer::PauseAfterRollBack(int64_t step) {
  // Somebody resumed it the first time.
  if (parts_.agreement->ReplaysPast(static_cast<uint64_t>(step))) return absl::OkStatus();
  if (parts_.config->listen == "off") {
    LogWarn("the run ends here instead of pausing: worker.listen is off, nobody could resume it");
    stop_ = true;
    return absl::OkStatus();
  }
  SLUICE_ASSIGN_OR_RETURN(stop_, steering_.Pause());
  return absl::OkStatus();
}

absl::Status Trainer::BeginStep(int64_t step) {
  if (dist::FaultFires("abort", parts_.group->rank(), static_cast<uint64_t>(step))) std::_Exit(137);
  if (parts_.ingestion != nullptr) SLUICE_RETURN_IF_ERROR(parts_.ingestion->BeginStep(step));
  const std::optional<Directive> directive = parts_.agreement->Begin(static_cast<uint64_t>(step));
  return directive ? ApplyDirective(*directive, step) : absl::OkStatus();
}

absl::Status Trainer::RunStep(int64_t step) {
  const auto start = Clock::now();
  parts_.assembly->model->settings().opening = opening_.At(step);
  if (maps_ && maps_->IsDue(step)) step_->WatchNext(maps_->Watcher(step));
  SLUICE_ASSIGN_OR_RETURN(const StepOutcome outcome,
                          step_->Run(step, steering_.Wishes(), counters_));
  const double seconds = SecondsSince(start);
  if (outcome.ledger) {
    saved_ = TimeSaved(*outcome.ledger, seconds - outcome.ledger_seconds,
                       parts_.config->train.accumulate);
    ledger_.push_back(*outcome.ledger);
    time_saved_.push_back(*saved_);
  }
  step_seconds_.push_back(seconds);
  state_.train_seconds += seconds;
  state_.step = static_cast<uint64_t>(step);
  tokens_ += outcome.control.tokens;
  tokens_open_ += outcome.control.tokens_open;
  report_.images += outcome.control.images;
  report_.flops += outcome.flops;
  if (report_.losses.size() < kMostLosses) report_.losses.push_back(outcome.loss.value_or(0.0));
  LogLoss(outcome.loss);
  if (parts_.ingestion != nullptr) parts_.ingestion->EndStep(step);
  reporter_.OnStep(step, outcome, seconds, counters_, saved_, Found());
  // All ranks change the same groups.
  const std::optional<telemetry::GroupActivity> activity = activity_->After(step);
  if (activity && parts_.group->rank() == 0) parts_.publisher->Send(*activity);
  saves_.Look();
  checks_.TakeProbes(saves_.health(), state_, report_);
  TellProgress();
  SLUICE_ASSIGN_OR_RETURN(stop_, steering_.Obey(outcome.control));
  stop_ = stop_ || step == parts_.config->stop_after;
  return absl::OkStatus();
}

absl::Status Trainer::EvaluateNow(int64_t step) {
  const service::Phase phase = parts_.board->Status().phase;
  const bool ends = phase == service::Phase::kDraining;
  if (!ends) parts_.board->SetPhase(service::Phase::kEvaluating);
  SLUICE_RETURN_IF_ERROR(
      checks_.Evaluate(step, state_.train_seconds, counters_.inference, report_));
  evaluated_step_ = step;
  parts_.board->SetPhase(phase);
  return absl::OkStatus();
}

absl::Status Trainer::SettleCheckpoint() {
  SLUICE_RETURN_IF_ERROR(saves_.Settle());
  state_.healthy_step = saves_.healthy_step();
  report_.checkpoint = saves_.newest_path();
  TellProgress();
  return absl::OkStatus();
}

absl::Status Trainer::Checkpoint(int64_t step) {
  SLUICE_RETURN_IF_ERROR(SettleCheckpoint());
  if (saves_.saved_step() == step && !rolled_back_) return absl::OkStatus();
  rolled_back_ = false;
  // What the checkpoint says of decisions must be in the decision log.
  SLUICE_RETURN_IF_ERROR(parts_.agreement->AwaitDurable());
  SLUICE_ASSIGN_OR_RETURN(state_.counters, GatherCounters(*parts_.group, counters_));
  report_.work = Total(state_.counters);
  const config::TrainConfig& config = *parts_.config;
  const bool closed = breaker_level_ == 0, async = config.legacy.probe_async;
  const bool well = closed && (async || !checks_.has_probes() || state_.probes_calm);
  if (well && !async) state_.healthy_step = state_.step;  // Unless it cannot be saved.
  state_.in_force = parts_.agreement->in_force();
  state_.agreed_next = parts_.agreement->agreed_next();
  state_.decision_position = static_cast<uint64_t>(step) + (state_.agreed_next ? 1 : 0);
  state_.head_entropies = step_->footprint().entropies();
  state_.image_scores = step_->image_gate().cache().All();
  CountSteps(*parts_.assembly->optimizer, state_);
  if (parts_.ingestion != nullptr) state_.stream_epoch = parts_.ingestion->epoch();
  saves_.Forget(state_);
  const std::optional<double> accuracy =
      report_.accuracy_dense ? report_.accuracy_dense : report_.accuracy_gated;
  if (evaluated_step_ == step && accuracy) state_.accuracies[state_.step] = *accuracy;
  saves_.Start(state_, CheckpointTensors(*parts_.assembly), well);
  return absl::OkStatus();
}

void Trainer::LogLoss(std::optional<double> loss) {
  if (!losses_) return;
  const absl::Status status = losses_->Write(state_.step, loss);
  if (status.ok()) return;
  LogWarn(absl::StrCat("losses are not logged any more: ", status.message()));
  losses_.reset();
}

void Trainer::TellProgress() {
  parts_.board->SetProgress(state_.step, parts_.agreement->version(), saves_.newest());
}

absl::Status Trainer::RunSteps() {
  const config::TrainConfig& config = *parts_.config;
  if (parts_.group->rank() == 0) {
    auto losses = LossLog::Open((std::filesystem::path(config.run_folder) / kLossLogName).string());
    if (losses.ok()) losses_ = *std::move(losses);
  }
  const auto is_due = [](int64_t step, int64_t every) { return every > 0 && step % every == 0; };
  TellProgress();
  parts_.board->SetPhase(service::Phase::kTraining);
  if (config.paused) {
    SLUICE_ASSIGN_OR_RETURN(stop_, steering_.Pause());
  }
  if (parts_.ingestion != nullptr && !stop_) {
    SLUICE_ASSIGN_OR_RETURN(stop_, parts_.ingestion->AwaitFirst(steering_));
  }
  for (int64_t step = first_step_; step <= config.train.steps && !stop_; ++step) {
    SLUICE_RETURN_IF_ERROR(BeginStep(step));
    if (stop_) break;
    SLUICE_RETURN_IF_ERROR(RunStep(step));
    // Also where the run is stopped: an undisturbed one would go on with it.
    if (is_due(step, config.eval_every) || step == config.train.steps)
      SLUICE_RETURN_IF_ERROR(checks_.Calibrate(state_, report_));
    const bool ends = stop_ || step == config.train.steps;
    if (is_due(step, config.eval_every) && !ends) SLUICE_RETURN_IF_ERROR(EvaluateNow(step));
    if (is_due(step, config.legacy.probe_every))
      SLUICE_RETURN_IF_ERROR(checks_.CheckProbes(step, saves_.health(), state_, report_));
    if (is_due(step, config.checkpoint_every)) SLUICE_RETURN_IF_ERROR(Checkpoint(step));
  }
  return absl::OkStatus();
}

absl::Status Trainer::End(int64_t last) {
  SLUICE_RETURN_IF_ERROR(Checkpoint(last));
  SLUICE_RETURN_IF_ERROR(SettleCheckpoint());
  SLUICE_RETURN_IF_ERROR(saves_.failure());
  // Whoever sends a signal does not wait for an evaluation. A signal reaches ranks one by one.
  torch::Tensor hurries = torch::tensor({StopRequested() ? 1 : 0}, torch::kLong);
  if (parts_.group->size() > 1) SLUICE_RETURN_IF_ERROR(parts_.group->Sum(hurries));
  if (hurries.item<int64_t>() > 0) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(EvaluateNow(last));
  return checks_.EvaluateDomains(report_);
}

absl::StatusOr<TrainReport> Trainer::Run() {
  SLUICE_RETURN_IF_ERROR(RunSteps());
  parts_.board->OnDraining();
  report_.publisher_cpu_seconds = parts_.publisher->Stats().cpu_seconds;
  const auto last = static_cast<int64_t>(state_.step);
  SLUICE_RETURN_IF_ERROR(End(last));
  report_.communication = reporter_.OnEnd(counters_, Found());
  torch::Tensor flops = torch::tensor({report_.flops}, torch::kDouble);
  if (parts_.group->size() > 1) SLUICE_RETURN_IF_ERROR(parts_.group->Sum(flops));
  report_.flops = flops.item<double>();
  if (!stop_) checks_.AwaitProbes(saves_.health(), state_, report_);
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

#include "worker/train/step_reporter.h"

#include <algorithm>

#include "common/log_line.h"
#include "worker/train/clock.h"

namespace sluice::train {

StepReporter::StepReporter(const config::TrainConfig* config, const GatedModel* model,
                           const dist::DirectiveAgreement* agreement,
                           telemetry::Publisher* publisher, bool shows)
    : config_(config),
      model_(model),
      agreement_(agreement),
      publisher_(publisher),
      progress_(shows ? config->progress_seconds : 0.0, Clock::now()) {}

double StepReporter::RateInForce(size_t gate) const {
  const gate::Policy& policy = model_->settings().gates[gate].policy;
  // A threshold's rate is the sidecar's aim; here it is what the configuration asked for.
  return policy.kind == gate::PolicyKind::kThreshold ? config_->gate.rate(gate) : policy.rate;
}

double StepReporter::ImagesPerSecond() const {
  return static_cast<double>(config_->train.batch * config_->train.accumulate) /
         std::max(timer_.seconds_per_step(), 1e-9);
}

void StepReporter::OnStep(int64_t step, const StepOutcome& outcome, double seconds,
                          Counters& counters, std::optional<double> saved,
                          const Accuracies& accuracies) {
  timer_.Add(seconds);
  counters.step.Add(static_cast<uint64_t>(seconds * 1e6));
  const GateSettings& settings = model_->settings();
  GateSnapshot snapshot;
  snapshot.first_step = snapshot.last_step = static_cast<uint64_t>(step);
  snapshot.counters = counters;
  for (uint32_t k = 0; k < counters.layer_count; ++k) {
    snapshot.layers[k] = {counters.layers[k].layer, settings.gates[k].policy.threshold,
                          RateInForce(k)};
  }
  snapshot.directive_version = agreement_->version();
  snapshot.loss = outcome.loss;
  snapshot.train_accuracy = outcome.accuracy;
  snapshot.learning_rate = outcome.learning_rate;
  snapshot.gradient_norm = outcome.gradient_norm;
  snapshot.images_per_second = ImagesPerSecond();
  snapshot.rate_alerts_silent =
      counters.layer_count == 0 || settings.shadow || settings.opening > 0.0;
  snapshot.compute_saved_ratio = saved;
  snapshot.accuracy_dense = accuracies.dense;
  snapshot.accuracy_gated = accuracies.gated;
  snapshot.timing = outcome.timing;
  timings_.push_back(outcome.timing);
  publisher_->Publish(snapshot);
  newest_ = snapshot;
  Show(step, outcome);
}

Communication StepReporter::OnEnd(const Counters& counters, const Accuracies& accuracies) {
  if (newest_.last_step == 0) return {};  // No step has run.
  newest_.counters = counters;
  newest_.accuracy_dense = accuracies.dense;
  newest_.accuracy_gated = accuracies.gated;
  publisher_->Publish(newest_);
  return Summarise(timings_);
}

void StepReporter::Show(int64_t step, const StepOutcome& outcome) {
  if (!progress_.IsDue(Clock::now(), step == config_->train.steps)) return;
  ProgressSample sample;
  sample.step = step;
  sample.total_steps = config_->train.steps;
  sample.images_per_second = ImagesPerSecond();
  sample.loss = outcome.loss;
  sample.activation_rate = static_cast<double>(outcome.control.tokens_open) /
                           static_cast<double>(outcome.control.tokens);
  sample.threshold = model_->settings().gates.back().policy.threshold;
  sample.learning_rate = outcome.learning_rate;
  sample.directive_version = agreement_->version();
  LogInfo(ProgressLine(sample, timer_.seconds_per_step()));
}

}  // namespace sluice::train

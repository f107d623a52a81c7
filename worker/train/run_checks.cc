#include "worker/train/run_checks.h"

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/launch/sidecar_process.h"
#include "worker/train/calibrate.h"
#include "worker/train/clock.h"
#include "worker/train/evaluate.h"
#include "worker/train/steering.h"

namespace sluice::train {
namespace {

// Enough for a temperature, and a small part of an evaluation.
constexpr int64_t kCalibrationImages = 512;
// A run that is over waits so many seconds, at most, for a check that still is under way.
constexpr double kLastCheck = 60.0;

}  // namespace

RunChecks::RunChecks(const config::TrainConfig* config, Assembly* assembly,
                     const Datasets* datasets, dist::Group* group, telemetry::Publisher* publisher)
    : config_(config),
      assembly_(assembly),
      datasets_(datasets),
      group_(group),
      publisher_(publisher),
      pipeline_(config::ResolvePipeline(*config, false).value()),
      probes_(datasets->probes, pipeline_, config->eval_batch) {
  if (!config->legacy.probe_async || group->rank() != 0 || probes_.empty()) return;
  absl::StatusOr<std::string> program = launch::SiblingProgram("sluice-worker");
  const std::filesystem::path folder(config->run_folder);
  async_.emplace(AsyncProbesOptions{program.ok() ? *std::move(program) : "sluice-worker",
                                    (folder / "probes" / "snapshot.safetensors").string(),
                                    config->legacy, config->eval_batch});
}

absl::Status RunChecks::Evaluate(int64_t step, double train_seconds, LatencyHistogram& inference,
                                 TrainReport& report) {
  SLUICE_ASSIGN_OR_RETURN(
      const Evaluations found,
      EvaluateModes(*assembly_->model, datasets_->eval, pipeline_, *group_, config_->eval_batch,
                    config_->eval_mode, static_cast<uint64_t>(config_->train.seed),
                    absl::StrCat("step ", step, ": "), &inference));
  CurvePoint point;
  point.step = step;
  point.seconds = train_seconds;
  if (found.dense) point.accuracy_dense = found.dense->accuracy;
  if (found.gated) {
    point.accuracy_gated = found.gated->accuracy;
    report.eval_activation_rate = found.gated->activation_rate;
  }
  report.accuracy_dense = point.accuracy_dense;
  report.accuracy_gated = point.accuracy_gated;
  report.curve.push_back(point);
  return absl::OkStatus();
}

absl::Status RunChecks::EvaluateDomains(TrainReport& report) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<data::Domain> domains,
                          config::ResolveDomains(*config_));
  for (const data::Domain domain : domains) {
    const std::string name = data::DomainName(domain);
    data::PipelineConfig pipeline = pipeline_;
    pipeline.domain = domain;
    SLUICE_ASSIGN_OR_RETURN(
        const Evaluation found,
        train::Evaluate(*assembly_->model, datasets_->eval, pipeline, *group_, config_->eval_batch,
                        false, static_cast<uint64_t>(config_->train.seed)));
    LogInfo(absl::StrFormat("domain %s: accuracy %.2f %%", name, 100 * found.accuracy));
    report.domains.push_back({name, found.accuracy});
  }
  return absl::OkStatus();
}

absl::Status RunChecks::CheckProbes(int64_t step, HealthyCheckpoint& health,
                                    checkpoint::TrainState& state, TrainReport& report) {
  if (probes_.empty()) return absl::OkStatus();
  const auto start = Clock::now();
  if (config_->legacy.probe_async) {
    if (async_ && async_->Start(state, CheckpointTensors(*assembly_)))
      health.OnSnapshot(static_cast<uint64_t>(step));
  } else {
    SLUICE_ASSIGN_OR_RETURN(std::vector<ProbeFinding> findings,
                            probes_.Check(*assembly_->model, *group_));
    Found(step, std::move(findings), state, report);
  }
  report.probe_seconds += SecondsSince(start);
  return absl::OkStatus();
}

void RunChecks::Found(int64_t step, std::vector<ProbeFinding> findings,
                      checkpoint::TrainState& state, TrainReport& report) {
  report.probes = std::move(findings);
  state.probes_calm = true;
  for (const ProbeFinding& f : report.probes) {
    state.probes_calm = state.probes_calm && !f.is_worse();
    LogInfo(
        absl::StrFormat("step %d: probe %s: loss %.4f (%+.2f %%, limit %.2f %%), accuracy %.2f %%",
                        step, f.probe, f.loss, 100 * f.delta(), 100 * f.limit(), 100 * f.accuracy));
    if (group_->rank() != 0) continue;
    publisher_->Send(telemetry::ProbeResult{f.probe, static_cast<uint64_t>(step),
                                            static_cast<uint64_t>(f.images), f.loss,
                                            f.standard_error, f.accuracy, f.baseline_loss});
  }
}

void RunChecks::TakeProbes(HealthyCheckpoint& health, checkpoint::TrainState& state,
                           TrainReport& report) {
  if (!async_ || !async_->is_busy()) return;
  std::optional<ProbeAnswer> answer = async_->Poll();
  if (answer) {
    Found(static_cast<int64_t>(answer->step), std::move(answer->findings), state, report);
    health.OnFinding(answer->step, state.probes_calm);
  } else if (!async_->is_busy()) {
    health.OnLost();
  }
}

void RunChecks::AwaitProbes(HealthyCheckpoint& health, checkpoint::TrainState& state,
                            TrainReport& report) {
  const auto start = Clock::now();
  while (async_ && async_->is_busy() && !StopRequested() && SecondsSince(start) < kLastCheck) {
    TakeProbes(health, state, report);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

absl::Status RunChecks::Calibrate(checkpoint::TrainState& state, TrainReport& report) {
  if (!config_->gate.calibrate) return absl::OkStatus();
  GatedModel& model = *assembly_->model;
  SLUICE_ASSIGN_OR_RETURN(report.calibration,
                          CalibrateHeads(model, datasets_->eval, pipeline_, *group_,
                                         kCalibrationImages, config_->eval_batch));
  for (const gate::Calibration& c : report.calibration) {
    state.temperatures[absl::StrCat(c.layer)] = c.temperature;
    LogInfo(absl::StrFormat("gate %d: temperature %.2f, expected calibration error %.4f, was %.4f",
                            c.layer, c.temperature, c.error_after, c.error_before));
  }
  SetTemperatures(state.temperatures, model);
  SLUICE_ASSIGN_OR_RETURN(const std::vector<gate::UncertaintyMoments> usual,
                          MeasureUncertainty(model, datasets_->eval, pipeline_, *group_,
                                             kCalibrationImages, config_->eval_batch));
  for (size_t k = 0; k < usual.size(); ++k)
    state.uncertainty[absl::StrCat(model.settings().gates[k].layer)] = usual[k];
  return absl::OkStatus();
}

}  // namespace sluice::train

#include "worker/train/step_setup.h"

#include "worker/data/sampler.h"

namespace sluice::train {

std::unique_ptr<data::Loader> MakeTrainLoader(const config::TrainConfig& config,
                                              const Datasets& datasets, const dist::Group& group,
                                              uint64_t steps_done) {
  auto sampler = std::make_shared<data::Sampler>(static_cast<uint64_t>(config.train.seed),
                                                 datasets.train->size(), config.train.batch);
  data::LoaderOptions options;
  options.threads = static_cast<int>(config.data.threads);
  options.prefetch = static_cast<int>(config.data.prefetch);
  options.first_step = static_cast<int64_t>(steps_done) * config.train.accumulate;
  options.end_step = config.train.steps * config.train.accumulate;
  const int rank = group.rank(), size = group.size();
  const auto plan = [sampler, rank, size](int64_t step) {
    return data::BatchPlan{sampler->EpochOf(step), sampler->RankBatch(step, rank, size)};
  };
  return std::make_unique<data::Loader>(
      datasets.train, config::ResolvePipeline(config, true).value(), plan, options);
}

StepOptions MakeStepOptions(const config::TrainConfig& config, int ranks) {
  const config::OptimConfig& train = config.train;
  StepOptions options;
  options.accumulate = train.accumulate;
  options.clip = train.clip;
  options.head_lr = config.gate.head_lr;
  options.seed = static_cast<uint64_t>(train.seed);
  const config::GateConfig& gate = config.gate;
  options.ledger_every = gate.ledger_every;
  options.footprint = config::ResolveFootprint(config.footprint);
  // In the shadow every image is looked at.
  if (gate.mode != "dense" && !gate.shadow) options.image_gate = {gate.image_theta, gate.score_ttl};
  if (gate.budget_scope == "ranks")
    options.budget_images = static_cast<double>(train.batch) / static_cast<double>(ranks);
  options.most_images = (train.batch + ranks - 1) / ranks;
  options.compression = dist::ParseCompression(config.compression).value();
  options.schedule = {train.lr, train.min_lr_ratio, train.warmup_steps, train.steps};
  return options;
}

ReplayWeights MakeReplay(const config::LegacyConfig& config) {
  return config.loss == "der" ? ReplayWeights{config.beta, config.alpha} : ReplayWeights{};
}

std::shared_ptr<const legacy::Rehearsal> MakeRehearsal(
    const config::TrainConfig& config, const std::vector<legacy::LegacySet>& buffers,
    const dist::Group& group) {
  if (buffers.empty()) return nullptr;
  legacy::Rehearsal::Options options;
  options.pipeline = config::ResolvePipeline(config, true).value();
  options.seed = static_cast<uint64_t>(config.train.seed);
  options.batch = config.train.batch;
  options.rank = group.rank();
  options.ranks = group.size();
  return std::make_shared<const legacy::Rehearsal>(buffers, options);
}

}  // namespace sluice::train

#include "worker/train/probes.h"

#include <algorithm>
#include <cmath>

#include "common/status.h"
#include "worker/train/evaluate.h"

namespace sluice::train {
namespace {

// The least baseline that a relative rise is taken of.
constexpr double kLeastBaseline = 1e-12;

// Sums over images: number, losses, differences to the baseline, their squares, right answers.
struct ProbeSums {
  double images = 0, loss = 0, difference = 0, square = 0, correct = 0;
};

ProbeFinding ToFinding(const legacy::LegacySet& set, const ProbeSums& sums) {
  ProbeFinding finding;
  finding.probe = set.name;
  finding.images = static_cast<int64_t>(sums.images);
  finding.accuracy = sums.correct / sums.images;
  finding.baseline_loss = std::max(set.baseline_loss(), kLeastBaseline);
  finding.loss = sums.loss / sums.images;
  if (!std::isfinite(finding.loss)) {
    finding.loss = kNotFiniteLoss;
    return finding;
  }
  const double mean = sums.difference / sums.images;
  const double variance = std::max(0.0, sums.square / sums.images - mean * mean);
  if (sums.images > 1) finding.standard_error = std::sqrt(variance / (sums.images - 1));
  return finding;
}

}  // namespace

Probes::Probes(std::vector<legacy::LegacySet> sets, const data::PipelineConfig& pipeline,
               int64_t batch)
    : pipeline_(pipeline), batch_(batch) {
  pipeline_.domain = data::Domain::kNone;
  pipeline_.augment = {};
  for (legacy::LegacySet& set : sets)
    sets_.push_back(std::make_shared<const legacy::LegacyImages>(std::move(set)));
}

absl::StatusOr<ProbeFinding> Probes::CheckOne(std::shared_ptr<const legacy::LegacyImages> images,
                                              GatedModel& model, dist::Group& group) const {
  const data::IndexRange shard = data::RankShare(images->size(), group.rank(), group.size());
  const int64_t steps = data::EvaluationSteps(shard, batch_);
  const std::unique_ptr<data::Loader> loader =
      MakeEvaluationLoader(images, pipeline_, shard, batch_);
  ProbeSums sums;
  auto baseline = images->set().losses.begin() + shard.begin;
  for (int64_t step = 0; step < steps; ++step) {
    SLUICE_ASSIGN_OR_RETURN(const data::Batch loaded, loader->Next());
    const ModelBatch batch = ToModelBatch(loaded, {}, model.vit()->pos_embed.options());
    const torch::Tensor logits = model.EvalDense(batch);
    sums.correct += (logits.argmax(1) == batch.labels).sum().item<double>();
    const torch::Tensor losses =
        at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::None)
            .to(torch::kCPU, torch::kDouble);
    for (int64_t i = 0; i < loaded.count; ++i) {
      const double loss = losses.data_ptr<double>()[i];
      const double difference = loss - static_cast<double>(*baseline++);
      sums.images += 1;
      sums.loss += loss;
      sums.difference += difference;
      sums.square += difference * difference;
    }
  }
  torch::Tensor all = torch::tensor(
      {sums.images, sums.loss, sums.difference, sums.square, sums.correct}, torch::kDouble);
  if (group.size() > 1) SLUICE_RETURN_IF_ERROR(group.Sum(all));
  const double* s = all.data_ptr<double>();
  return ToFinding(images->set(), {s[0], s[1], s[2], s[3], s[4]});
}

absl::StatusOr<std::vector<ProbeFinding>> Probes::Check(GatedModel& model,
                                                        dist::Group& group) const {
  std::vector<ProbeFinding> findings;
  for (const auto& images : sets_) {
    SLUICE_ASSIGN_OR_RETURN(ProbeFinding finding, CheckOne(images, model, group));
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace sluice::train

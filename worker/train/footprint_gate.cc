#include "worker/train/footprint_gate.h"

#include <algorithm>

#include "common/status.h"
#include "worker/gate/head_entropy.h"

namespace sluice::train {
namespace {

model::ModelOpen ToModelOpen(const gate::Footprint& footprint) {
  model::ModelOpen open;
  open.rest = footprint.rest;
  open.classifier = footprint.classifier;
  for (size_t i = 0; i < footprint.heads.size(); ++i) {
    const bool mlp = footprint.mlp[i] != 0;
    open.blocks.push_back(
        {footprint.heads[i], mlp, footprint.BlockIsOpen(static_cast<int64_t>(i)), mlp});
  }
  return open;
}

}  // namespace

FootprintGate::FootprintGate(const gate::FootprintSettings& settings, GatedModel* model,
                             const Optimizer* optimizer, dist::Group* group,
                             dist::GradReducer* reducer, uint64_t seed)
    : settings_(settings),
      model_(model),
      optimizer_(optimizer),
      group_(group),
      reducer_(reducer),
      seed_(seed) {}

absl::Status FootprintGate::Measure(const torch::Tensor& images,
                                    const std::function<void()>& meets) {
  torch::Tensor sums;
  SLUICE_RETURN_IF_ERROR(dist::Guard("attention entropy", [&] {
    const torch::Tensor heads = gate::HeadEntropySums(model_->vit(), images).cpu();
    const double rows = static_cast<double>(images.size(0) * model_->vit()->config().tokens());
    sums = at::cat({heads, torch::full({1}, rows, torch::kDouble)});
  }));
  meets();
  SLUICE_RETURN_IF_ERROR(group_->Sum(sums));
  const double* values = sums.data_ptr<double>();
  const int64_t count = sums.numel() - 1;
  entropies_.assign(values, values + count);
  for (double& entropy : entropies_) entropy /= std::max(values[count], 1.0);
  return absl::OkStatus();
}

void FootprintGate::Decide(int64_t step) {
  const model::VitConfig& config = model_->vit()->config();
  footprint_ = gate::DecideFootprint(settings_, config.depth, config.heads, entropies_,
                                     {seed_, static_cast<uint64_t>(step), 0});
  Resolve();
}

void FootprintGate::Resolve() {
  may_change_.clear();
  open_.assign(optimizer_->parameters().size(), {});
  for (const ParameterGroup& group : optimizer_->groups()) {
    const bool may = gate::MayChange(footprint_, group.name);
    may_change_.push_back(may ? 1 : 0);
    if (!may) continue;
    for (const GroupSlice& s : group.slices)
      open_[s.parameter].push_back({s.offset, s.rows, s.columns, s.stride});
  }
  Apply();
}

absl::Status FootprintGate::Prepare(int64_t step, const torch::Tensor& images,
                                    const std::function<void()>& meets) {
  if (frozen_ || !gate::FootprintIsDue(settings_, step)) return absl::OkStatus();
  if (settings_.scorer == gate::FootprintScorer::kAttention) {
    SLUICE_RETURN_IF_ERROR(Measure(images, meets));
  }
  Decide(step);
  return absl::OkStatus();
}

void FootprintGate::OpenAll() {
  if (may_change_.empty()) return;
  model_->vit()->SetOpen({});
  reducer_->SetOpen({});
}

void FootprintGate::Apply() {
  if (may_change_.empty()) return;
  model_->vit()->SetOpen(ToModelOpen(footprint_));
  reducer_->SetOpen(open_);
}

void FootprintGate::Describe(gate::StepShape& shape) const {
  if (may_change_.empty()) return;
  const model::VitConfig& config = model_->vit()->config();
  // Of a block's products, qkv and proj are 4 D^2, the MLP 2 D M.
  const double attention = 4.0 * static_cast<double>(config.dim * config.dim);
  const double mlp = 2.0 * static_cast<double>(config.dim * config.mlp_dim);
  shape.first_changing = footprint_.rest ? -1 : config.depth;
  for (int64_t block = 0; block < config.depth; ++block) {
    const std::vector<uint8_t>& heads = footprint_.heads[block];
    const double open = static_cast<double>(std::count(heads.begin(), heads.end(), uint8_t{1}));
    shape.changing.push_back(
        (attention * open / static_cast<double>(config.heads) + mlp * footprint_.mlp[block]) /
        (attention + mlp));
    if (footprint_.BlockIsOpen(block)) shape.first_changing = std::min(shape.first_changing, block);
  }
  shape.stepped = 0;
  for (size_t g = 0; g < may_change_.size(); ++g) {
    if (may_change_[g] == 0) continue;
    for (const GroupSlice& slice : optimizer_->groups()[g].slices)
      shape.stepped += slice.rows * slice.columns;
  }
}

bool FootprintGate::closes_all() const {
  return !may_change_.empty() &&
         std::none_of(may_change_.begin(), may_change_.end(), [](uint8_t may) { return may != 0; });
}

void FootprintGate::Restore(std::vector<double> entropies, int64_t next_step) {
  entropies_ = std::move(entropies);
  DecideAgain(next_step);
}

void FootprintGate::Freeze(bool frozen, int64_t next_step) {
  if (frozen == frozen_) return;
  frozen_ = frozen;
  if (frozen) {
    const model::VitConfig& config = model_->vit()->config();
    footprint_ = gate::FrozenBackbone(config.depth, config.heads);
    Resolve();
    return;
  }
  OpenAll();
  may_change_.clear();
  DecideAgain(next_step);
}

void FootprintGate::DecideAgain(int64_t next_step) {
  const bool has_decided =
      settings_.decides() && next_step > 1 &&
      (settings_.scorer == gate::FootprintScorer::kRandom || !entropies_.empty());
  // The step of the decision that is still in force.
  if (has_decided && !gate::FootprintIsDue(settings_, next_step))
    Decide((next_step - 1) / settings_.every * settings_.every + 1);
}

}  // namespace sluice::train

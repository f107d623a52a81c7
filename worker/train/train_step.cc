#include "worker/train/train_step.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/gate/flops.h"
#include "worker/gate/score_stats.h"
#include "worker/memory/memory_meter.h"
#include "worker/train/evaluate.h"

namespace sluice::train {
namespace {

// Steps in a row with a gradient that is not finite, after which the run is given up.
constexpr int kMostBadSteps = 10;

// Counts tensors on the CPU; nothing on a GPU.
std::unique_ptr<memory::MemoryMeter> MeterFor(const ModelBatch& batch) {
  return batch.images.is_cpu() ? std::make_unique<memory::MemoryMeter>() : nullptr;
}

// Counted arithmetic of a batch, and of the same done densely. `decision` is about `computed` of
// the batch's `images`; the others were skipped.
struct Arithmetic {
  double gated = 0.0;
  double dense = 0.0;

  double ratio() const { return dense > 0.0 ? gated / dense : 1.0; }
};

Arithmetic CountArithmetic(const GatedModel& model, const FootprintGate& footprint,
                           const GateDecision& decision, int64_t computed, int64_t images) {
  Arithmetic result;
  if (images == 0) return result;
  gate::StepShape shape;
  shape.images = images;
  result.dense = gate::StepFlops(model.vit()->config(), shape);
  shape.images = computed;
  footprint.Describe(shape);
  const GateSettings& settings = model.settings();
  if (!settings.shadow && !decision.layers.empty() && computed > 0) {
    shape.mode = settings.mode;
    for (size_t k = 0; k < decision.layers.size(); ++k) {
      shape.layers.push_back(settings.gates[k].layer);
      shape.open.push_back(static_cast<double>(decision.layers[k].tokens_open) /
                           static_cast<double>(computed));
    }
  }
  result.gated = gate::StepFlops(model.vit()->config(), shape);
  return result;
}

// Marks what was replaced in a batch.
void AddReplayed(const legacy::Replayed& replayed, int64_t classes, ModelBatch& batch) {
  if (replayed.positions.empty()) return;
  const auto count = static_cast<int64_t>(replayed.positions.size());
  const torch::Tensor at = torch::tensor(replayed.positions, torch::kLong);
  batch.replayed = torch::zeros({batch.labels.size(0)}, torch::kBool).index_fill_(0, at, true);
  batch.stored_logits =
      torch::full({batch.labels.size(0), classes}, std::nan(""), torch::kFloat)
          .index_copy_(0, at, torch::tensor(replayed.logits, torch::kFloat).view({count, classes}));
  batch.replayed = batch.replayed.to(batch.images.device());
  batch.stored_logits = batch.stored_logits.to(batch.images.device(), batch.images.scalar_type());
}

std::vector<std::string> Names(const std::vector<ParameterShape>& shapes) {
  std::vector<std::string> names;
  for (const ParameterShape& shape : shapes) names.push_back(shape.name);
  return names;
}

}  // namespace

TrainStep::TrainStep(GatedModel* model, Optimizer* optimizer, dist::Group* group,
                     dist::DirectiveAgreement* agreement, data::Loader* loader,
                     const StepOptions& options)
    : model_(model),
      optimizer_(optimizer),
      group_(group),
      agreement_(agreement),
      loader_(loader),
      options_(options),
      reducer_(*group, optimizer->parameters(), Names(optimizer->shapes()), options.compression),
      footprint_(options.footprint, model, optimizer, group, &reducer_, options.seed),
      image_gate_(options.image_gate),
      exchange_(*group) {
  const auto patches = static_cast<double>(model->vit()->config().patches());
  for (GateAt& gate : model->settings().gates)
    gate.policy.budget_tokens = std::llround(options.budget_images * patches);
}

void TrainStep::Count(const GateDecision& decision, const ModelBatch& batch,
                      dist::ControlInput& input, Counters& counters) {
  const int64_t images = batch.images.size(0);
  input.images += images;
  input.images_open += decision.images_open;
  input.tokens += images * model_->vit()->config().patches();
  input.tokens_open += decision.tokens_open;
  counters.images_open += decision.images_open;
  counters.images_skipped += images - decision.images_open;
  for (size_t k = 0; k < decision.layers.size(); ++k) {
    const LayerDecision& layer = decision.layers[k];
    gate::AddToCounters(layer.scores, layer.open, layer.present, counters.layers[k]);
  }
  if (!decision.layers.empty()) counters.gate_decision.Add(decision.micros);
}

bool TrainStep::LedgerIsDue(int64_t step) const {
  const GateSettings& settings = model_->settings();
  const bool tokens = settings.mode != Mode::kDense && !settings.shadow;
  return options_.ledger_every > 0 && step % options_.ledger_every == 0 &&
         (tokens || footprint_.decides());
}

absl::Status TrainStep::MeasureDense(const ModelBatch& batch, bool reduce) {
  const auto start = Clock::now();
  if (!has_met_) own_seconds_ += SecondsSince(own_since_);
  footprint_.OpenAll();
  TrainPass pass;
  SLUICE_RETURN_IF_ERROR(dist::Guard("dense forward of the ledger", [&] {
    const std::unique_ptr<memory::MemoryMeter> meter = MeterFor(batch);
    pass = model_->TrainDense(batch);
    if (meter != nullptr) ledger_->dense_bytes = meter->held();
  }));
  SLUICE_RETURN_IF_ERROR(reducer_.Backward(pass.loss, reduce));
  ledger_->dense_seconds = SecondsSince(start);
  optimizer_->ClearGradients();
  footprint_.Apply();
  ledger_seconds_ = SecondsSince(start);
  own_since_ = Clock::now();
  reducer_.TakeTraffic();
  return absl::OkStatus();
}

void TrainStep::Meet() {
  if (!has_met_) own_seconds_ += SecondsSince(own_since_);
  has_met_ = true;
}

TrainPass TrainStep::Forward(const ModelBatch& batch, dist::ControlInput& input, Counters& counters,
                             LedgerEntry* ledger, const std::function<void()>& decided) {
  const auto images = static_cast<int64_t>(batch.ids.size());
  std::vector<int64_t> positions = image_gate_.ToCompute(batch);
  const auto computed = static_cast<int64_t>(positions.size());
  // While the gates stand open, all images are looked at.
  const bool whole = computed == images || model_->settings().opening > 0.0;
  const ModelBatch part = whole ? batch : TakeImages(batch, positions);
  return model_->TrainForward(part, [&](const GateDecision& decision) {
    image_gate_.Note(part, decision.image_scores);
    const Arithmetic counted =
        CountArithmetic(*model_, footprint_, decision, whole ? images : computed, images);
    flops_ += counted.gated;
    if (ledger != nullptr) ledger->flops_ratio = counted.ratio();
    std::optional<GateDecision> spread;
    if (!whole) {
      spread = SpreadDecision(decision, positions, images, model_->vit()->config().patches(),
                              model_->settings().gates.size());
    }
    const GateDecision& of_batch = whole ? decision : *spread;
    Count(of_batch, batch, input, counters);
    if (watch_) std::exchange(watch_, nullptr)(batch, of_batch);
    decided();
  });
}

absl::StatusOr<ModelBatch> TrainStep::NextBatch(uint64_t draw) {
  SLUICE_ASSIGN_OR_RETURN(data::Batch loaded, loader_->Next());
  legacy::Replayed replayed;
  if (options_.rehearsal) replayed = options_.rehearsal->Mix(rehearsal_share_, draw, loaded);
  ModelBatch batch =
      ToModelBatch(loaded, {options_.seed, draw}, model_->vit()->pos_embed.options());
  AddReplayed(replayed, model_->vit()->config().classes, batch);
  return batch;
}

absl::Status TrainStep::RunMicroStep(int64_t step, int64_t micro, dist::ControlInput& input,
                                     Counters& counters) {
  const bool is_last = micro + 1 == options_.accumulate;
  const uint64_t draw = static_cast<uint64_t>((step - 1) * options_.accumulate + micro);
  SLUICE_ASSIGN_OR_RETURN(const ModelBatch batch, NextBatch(draw));
  // The first micro-step is the one that is measured: no gradient stands yet.
  LedgerEntry* const ledger = ledger_ && micro == 0 ? &*ledger_ : nullptr;
  if (micro == 0)
    SLUICE_RETURN_IF_ERROR(footprint_.Prepare(step, batch.images, [this] { Meet(); }));
  if (ledger != nullptr) SLUICE_RETURN_IF_ERROR(MeasureDense(batch, is_last));
  const auto start = Clock::now();
  TrainPass pass;
  SLUICE_RETURN_IF_ERROR(dist::Guard("forward", [&] {
    const std::unique_ptr<memory::MemoryMeter> meter =
        ledger != nullptr ? MeterFor(batch) : nullptr;
    pass = Forward(batch, input, counters, ledger, [&] {
      if (!is_last) return;
      Meet();
      exchange_.Start(input);
    });
    if (meter != nullptr) ledger->gated_bytes = meter->held();
    loss_sum_ += pass.loss_sum.item<double>();
    correct_ += pass.correct.item<double>();
    if (is_last) exchange_.StartStatistics({loss_sum_, correct_});
  }));
  SLUICE_RETURN_IF_ERROR(reducer_.Backward(pass.loss, is_last));
  if (ledger != nullptr) ledger->gated_seconds = SecondsSince(start);
  return absl::OkStatus();
}

absl::Status TrainStep::Update(int64_t step, StepOutcome& outcome) {
  // Nothing changes then; the schedule goes on.
  if (outcome.control.images_open == 0 || footprint_.closes_all()) return absl::OkStatus();
  const double image_scale = 1.0 / static_cast<double>(outcome.control.images_open);
  if (options_.ewc) options_.ewc->AddGradient(1.0 / image_scale);
  const double norm = optimizer_->ImageGradientNorm(image_scale);
  outcome.gradient_norm = norm;
  if (!std::isfinite(norm)) {
    LogWarn(
        absl::StrCat("step ", step, ": the gradient's norm is ", norm, ", the step is left out"));
    if (++bad_steps_ < kMostBadSteps) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat("the gradient was not finite in ", kMostBadSteps,
                                           " steps in a row, last ", step,
                                           ": lower train.lr, or look at the images"));
  }
  bad_steps_ = 0;
  const double clip = options_.clip > 0.0 && norm > options_.clip ? options_.clip / norm : 1.0;
  StepScales scales;
  scales.lr = outcome.learning_rate;
  scales.head_lr = outcome.learning_rate * options_.head_lr;
  scales.image_scale = image_scale * clip;
  scales.token_scale = 1.0 / static_cast<double>(outcome.control.tokens);
  if (agreement_->in_force()) {
    for (const GroupScale& scale : agreement_->in_force()->group_scales)
      scales.update_scales[scale.group] = scale.scale;
  }
  scales.may_change = footprint_.may_change();
  optimizer_->Step(scales);
  outcome.updated = true;
  return absl::OkStatus();
}

absl::StatusOr<StepOutcome> TrainStep::Run(int64_t step, const dist::ControlInput& wishes,
                                           Counters& counters) {
  loss_sum_ = correct_ = ledger_seconds_ = flops_ = 0.0;
  own_seconds_ = update_seconds_;
  own_since_ = Clock::now();
  has_met_ = false;
  ledger_.reset();
  if (LedgerIsDue(step)) {
    ledger_.emplace();
    ledger_->step = step;
  }
  dist::ControlInput input = wishes;
  agreement_->FillControl(step, input);
  optimizer_->ClearGradients();
  for (int64_t micro = 0; micro < options_.accumulate; ++micro) {
    SLUICE_RETURN_IF_ERROR(RunMicroStep(step, micro, input, counters));
  }
  SLUICE_RETURN_IF_ERROR(image_gate_.Exchange(*group_, options_.most_images * options_.accumulate));
  StepOutcome outcome;
  SLUICE_ASSIGN_OR_RETURN(outcome.control, exchange_.Finish());
  outcome.learning_rate = options_.schedule.At(step);
  if (outcome.control.images_open > 0) {
    outcome.loss = exchange_.statistics()[0] / static_cast<double>(outcome.control.images_open);
    outcome.accuracy = exchange_.statistics()[1] / static_cast<double>(outcome.control.images_open);
  }
  // First the check of versions: ranks that disagree must not change parameters.
  SLUICE_RETURN_IF_ERROR(agreement_->AwaitDurable());
  SLUICE_RETURN_IF_ERROR(agreement_->Accept(step, outcome.control));
  const auto met = Clock::now();
  SLUICE_RETURN_IF_ERROR(Update(step, outcome));
  update_seconds_ = SecondsSince(met);
  ++counters.steps;
  counters.backward_steps += outcome.updated ? 1 : 0;
  outcome.ledger = ledger_;
  outcome.flops = flops_;
  outcome.ledger_seconds = ledger_seconds_;
  const dist::Traffic traffic = reducer_.TakeTraffic();
  outcome.timing = {own_seconds_,
                    traffic.backward_seconds,
                    traffic.communication_seconds,
                    traffic.exposed_seconds,
                    static_cast<uint64_t>(input.tokens_open),
                    traffic.bytes};
  return outcome;
}

}  // namespace sluice::train

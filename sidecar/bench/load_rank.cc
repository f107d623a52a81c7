#include "sidecar/bench/load_rank.h"

#include <utility>

#include "sidecar/wire/counters.h"

namespace sluice::sidecar {
namespace {

constexpr uint32_t kLayer = 2;
constexpr uint64_t kLowScore = 300000;  // Of even windows, in units of 1e-6; of the others:
constexpr uint64_t kHighScore = 700000;

uint64_t TokensPerStep() {
  uint64_t tokens = 0;
  for (int i = 0; i < kScoreBins; ++i) tokens += 1 + i % 5;
  return tokens;
}

// Sum of the tokens' scores after `step`.
uint64_t ScoreSum(uint64_t step) {
  const uint64_t windows = step / LoadState::kWindow;
  const uint64_t rest = step % LoadState::kWindow;
  const uint64_t whole = (windows + 1) / 2 * kLowScore + windows / 2 * kHighScore;
  const uint64_t present = windows % 2 == 0 ? kLowScore : kHighScore;
  return TokensPerStep() * (LoadState::kWindow * whole + rest * present);
}

}  // namespace

Counters LoadCounters(uint64_t step) {
  Counters counters;
  counters.steps = counters.backward_steps = step;
  counters.images_open = 30 * step;
  counters.images_skipped = 2 * step;
  counters.layer_count = 1;
  LayerCounters& layer = counters.layers[0];
  layer.layer = kLayer;
  layer.tokens_open = TokensPerStep() / 2 * step;
  layer.tokens_closed = (TokensPerStep() - TokensPerStep() / 2) * step;
  layer.score_sum_micro = ScoreSum(step);
  layer.score_square_sum_micro = ScoreSum(step) / 2;
  for (int i = 0; i < kScoreBins; ++i) {
    layer.score_histogram[i] = static_cast<uint64_t>(1 + i % 5) * step;
  }
  counters.gate_decision.bins[6] = counters.step.bins[17] = step;
  counters.gate_decision.sum_micros = 50 * step;
  counters.step.sum_micros = 100000 * step;
  return counters;
}

void LoadState::NoteSent(uint64_t step) {
  const int64_t now = Clock::now().time_since_epoch().count();
  std::atomic<int64_t>& newest = sent_[step / kWindow % kRemembered];
  int64_t before = newest.load();
  while (before < now && !newest.compare_exchange_weak(before, now)) {
  }
}

void LoadState::NoteDirective(uint64_t step) {
  ++directives;
  const int64_t sent = sent_[step / kWindow % kRemembered].load();
  if (sent == 0) return;
  const auto passed = Clock::now().time_since_epoch() - Clock::duration(sent);
  absl::MutexLock lock(&mutex_);
  latencies_.push_back(std::chrono::duration<double, std::milli>(passed).count());
}

std::vector<double> LoadState::TakeLatencies() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(latencies_, {});
}

LoadRank::LoadRank(const std::string& run, uint32_t rank, LoadState* state)
    : state_(state), first_(rank == 0) {
  v1::Identity* identity = message_.mutable_identity();
  identity->set_run(run);
  identity->set_rank(rank);
  identity->set_incarnation(1);
  *hello_.mutable_identity() = *identity;
  v1::Hello* hello = hello_.mutable_hello();
  hello->set_instance("bench");
  hello->set_world_size(state->ranks);
  v1::GateLayer* gate = hello->add_gates();
  gate->set_layer(kLayer);
  gate->set_scorer("head");
  gate->set_policy("threshold");
  gate->set_threshold(0.5);
  v1::GateSnapshot* snapshot = message_.mutable_snapshot();
  v1::LayerSample* layer = snapshot->add_layers();
  layer->set_layer(kLayer);
  layer->set_threshold(0.5);
  snapshot->set_loss(1.5);
  snapshot->set_learning_rate(1e-3);
  snapshot->set_gradient_norm(2.0);
  snapshot->set_images_per_second(1000.0);
}

const v1::WorkerMessage* LoadRank::Next() {
  if (!said_hello_) {
    said_hello_ = true;
    return &hello_;
  }
  const uint64_t step = sent_ + 1;
  if (!greeted_ || step > state_->allowed || sent_ - acked_ >= state_->in_flight) return nullptr;
  sent_ = step;
  message_.mutable_identity()->set_seq(step);
  v1::GateSnapshot* snapshot = message_.mutable_snapshot();
  snapshot->set_first_step(step);
  snapshot->set_last_step(step);
  CountersToProto(LoadCounters(step), snapshot->mutable_counters());
  if (step % LoadState::kWindow == 0) state_->NoteSent(step);
  return &message_;
}

void LoadRank::Hear(const v1::SidecarMessage& message) {
  if (message.has_hello_reply()) {
    greeted_ = true;
    message_.mutable_identity()->set_lease_epoch(message.hello_reply().lease_epoch());
    ++state_->greeted;
  } else if (message.has_ack() && message.ack().durable_seq() > acked_) {
    state_->acked += message.ack().durable_seq() - acked_;
    acked_ = message.ack().durable_seq();
  } else if (message.has_directive()) {
    if (first_) state_->NoteDirective(message.directive().based_on_step());
  } else if (message.has_refusal()) {
    ++state_->refused;
  }
}

}  // namespace sluice::sidecar

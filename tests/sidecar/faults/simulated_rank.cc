#include "tests/sidecar/faults/simulated_rank.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sidecar/wire/counters.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar::testing {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Counters CountersOfRank(uint32_t rank, uint64_t step) {
  Counters counters = CountersAt(step);
  counters.images_open += rank * step;
  return counters;
}

uint64_t CoalescedAt(uint64_t step) { return step % 7 == 0 ? 1 : 0; }

SimulatedRank::SimulatedRank(SimulatedRankOptions options)
    : options_(std::move(options)), incarnation_(1000 + options_.rank), file_(options_.oracle) {
  heard_ = Clock::now();
  thread_ = std::thread([this] { Loop(); });
  watchdog_ = std::thread([this] {
    while (!stopping_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      const std::lock_guard lock(mutex_);
      if (context_ != nullptr && Clock::now() - heard_ > options_.stall) context_->TryCancel();
    }
  });
}

SimulatedRank::~SimulatedRank() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    moved_.notify_all();
  }
  thread_.join();
  watchdog_.join();
}

bool SimulatedRank::IsDone() const { return acked_ >= last_step_; }

void SimulatedRank::StopAt(uint64_t step) { last_step_ = std::max<uint64_t>(step, sent_); }

bool SimulatedRank::Finish(std::chrono::seconds patience) {
  if (last_step_ == UINT64_MAX) StopAt(sent_ + options_.most_unacked);
  const bool done = WaitUntil([this] { return IsDone(); }, patience);
  if (!std::exchange(finished_, true)) Write(absl::StrCat("steps ", last_step_.load()));
  return done;
}

void SimulatedRank::Write(const std::string& line) {
  const std::lock_guard lock(mutex_);
  file_ << line << std::endl;
}

v1::WorkerMessage SimulatedRank::MessageAt(uint64_t step) const {
  v1::WorkerMessage message;
  v1::Identity* identity = message.mutable_identity();
  identity->set_run(options_.run);
  identity->set_lease_epoch(epoch_);
  identity->set_rank(options_.rank);
  identity->set_incarnation(incarnation_);
  identity->set_seq(step);
  if (step == 0) return message;
  v1::GateSnapshot* snapshot = message.mutable_snapshot();
  snapshot->set_first_step(step);
  snapshot->set_last_step(step);
  snapshot->set_coalesced(CoalescedAt(step));
  CountersToProto(CountersOfRank(options_.rank, step), snapshot->mutable_counters());
  v1::LayerSample* layer = snapshot->add_layers();
  layer->set_layer(kLayer);
  layer->set_threshold(0.3);
  snapshot->set_directive_version(in_force_.version());
  snapshot->set_loss(1.5);
  snapshot->set_rate_alerts_silent(true);
  return message;
}

bool SimulatedRank::Greet(Stream& stream) {
  v1::WorkerMessage message = MessageAt(0);
  message.mutable_identity()->set_lease_epoch(0);
  v1::Hello* hello = message.mutable_hello();
  hello->set_instance(options_.instance);
  hello->set_world_size(options_.world_size);
  v1::GateLayer* gate = hello->add_gates();
  gate->set_layer(kLayer);
  gate->set_scorer("head");
  gate->set_policy("threshold");
  gate->set_threshold(0.3);
  if (in_force_.version() > 0) *hello->mutable_in_force() = in_force_;
  v1::SidecarMessage reply;
  if (!stream.Write(message) || !stream.Read(&reply) || !reply.has_hello_reply()) return false;
  epoch_ = reply.hello_reply().lease_epoch();
  Write(absl::StrCat("hello ", reply.hello_reply().durable_seq(), " ", epoch_.load(), " ",
                     reply.hello_reply().in_force().version()));
  if (reply.hello_reply().in_force().version() >= in_force_.version()) {
    in_force_ = reply.hello_reply().in_force();
  }
  acked_ = reply.hello_reply().durable_seq();
  sent_ = acked_.load();
  return true;
}

void SimulatedRank::ReadAll(Stream& stream) {
  v1::SidecarMessage message;
  while (stream.Read(&message)) {
    if (message.has_ack()) Write(absl::StrCat("acked ", message.ack().durable_seq()));
    if (message.has_directive()) Write(absl::StrCat("directive ", message.directive().version()));
    if (message.has_refusal()) Write("refused");
    const std::lock_guard lock(mutex_);
    heard_ = Clock::now();
    if (message.has_ack()) acked_ = std::max<uint64_t>(acked_, message.ack().durable_seq());
    if (message.has_directive()) in_force_ = message.directive();
    moved_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  stream_over_ = true;
  moved_.notify_all();
}

bool SimulatedRank::SendUntilDone(Stream& stream) {
  while (true) {
    v1::WorkerMessage next;
    {
      std::unique_lock lock(mutex_);
      moved_.wait_for(lock, std::chrono::milliseconds(20), [this] {
        return stopping_ || stream_over_ || IsDone() ||
               (sent_ < last_step_ && sent_ - acked_ < options_.most_unacked);
      });
      if (stopping_ || stream_over_ || IsDone()) return !stream_over_;
      if (sent_ == acked_) heard_ = Clock::now();  // It owes us nothing.
      if (sent_ >= last_step_ || sent_ - acked_ >= options_.most_unacked) continue;
      next = MessageAt(++sent_);
    }
    if (!stream.Write(next)) return false;
  }
}

void SimulatedRank::RunStream() {
  grpc::ChannelArguments arguments;
  // A subchannel of its own, and no long pause after a sidecar was away.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  const auto stub = v1::Telemetry::NewStub(
      grpc::CreateCustomChannel(options_.address(), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub->Stream(&context);
  {
    const std::lock_guard lock(mutex_);
    context_ = &context;
    heard_ = Clock::now();
    stream_over_ = false;
    if (stopping_) context.TryCancel();
  }
  if (Greet(*stream)) {
    std::thread reader([&] { ReadAll(*stream); });
    if (SendUntilDone(*stream)) {
      stream->WritesDone();
    } else {
      context.TryCancel();
    }
    reader.join();
  } else {
    context.TryCancel();
  }
  {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }
  stream->Finish();
}

void SimulatedRank::Loop() {
  while (!stopping_ && !IsDone()) {
    RunStream();
    if (!stopping_ && !IsDone()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace sluice::sidecar::testing

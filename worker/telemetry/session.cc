#include "worker/telemetry/session.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "worker/telemetry/wire.h"

namespace sluice::telemetry {

Session::Session(const PublisherConfig& config, DirectiveInbox* inbox,
                 std::shared_ptr<Wakeup> wakeup, const security::ClientAccess& access)
    : config_(config),
      stall_(config.stall_seconds),
      inbox_(inbox),
      wakeup_(std::move(wakeup)),
      access_(access),
      queue_({.snapshots = config.max_snapshots,
              .events = config.max_events,
              .in_flight = config.max_in_flight}),
      backoff_(config.backoff_first, config.backoff_longest, config.incarnation + config.rank),
      in_force_(config.in_force) {}

void Session::Offer(Event event) {
  if (!queue_.Add(std::move(event))) ++events_dropped_;
}

void Session::SetInForce(const Directive& directive) {
  inbox_->Raise(directive.version);
  in_force_ = directive;
}

const Directive* Session::InForce() const {
  // What was accepted will be in force soon, and nothing older will be taken any more.
  const std::optional<Directive>& accepted = inbox_->last_accepted();
  if (accepted.has_value() && (!in_force_ || accepted->version > in_force_->version)) {
    return &*accepted;
  }
  return in_force_.has_value() ? &*in_force_ : nullptr;
}

v1::WorkerMessage Session::NewMessage(uint64_t seq) const {
  v1::WorkerMessage message;
  v1::Identity& identity = *message.mutable_identity();
  identity.set_run(config_.run);
  identity.set_lease_epoch(lease_epoch_);
  identity.set_generation(config_.generation);
  identity.set_rank(config_.rank);
  identity.set_incarnation(config_.incarnation);
  identity.set_seq(seq);
  return message;
}

void Session::SweepClosing() {
  std::erase_if(closing_, [this](const auto& stream) {
    if (!stream->done()) return false;
    const grpc::Status why = stream->status();
    const bool is_news = why.error_code() != grpc::StatusCode::OK &&
                         why.error_code() != grpc::StatusCode::CANCELLED &&
                         logged_ends_.insert(why.error_code()).second;
    if (is_news) {
      spdlog::warn("the stream to the sidecar at {} ended: {}", config_.address,
                   why.error_message());
    }
    return true;
  });
}

void Session::Step(Time now) {
  SweepClosing();
  if (stream_ != nullptr) {
    // The stream breaks after its last message was read, so that none is overlooked.
    const bool broken = stream_->broken();
    ReadAll(now);
    if (stream_ != nullptr && broken) Disconnect(now);
  }
  if (stream_ != nullptr) Watch(now);
  if (stream_ == nullptr && !half_closed_ && now >= next_attempt_) Connect(now);
  if (stream_ != nullptr) WriteNext(now);
}

void Session::ReadAll(Time now) {
  while (stream_ != nullptr) {  // A refused Hello ends it.
    const auto message = stream_->Read();
    if (!message.has_value()) return;
    Receive(*message, now);
  }
}

void Session::Connect(Time now) {
  lease_epoch_ = 0;
  live_ = false;
  progress_at_ = now;
  stream_ = Stream::Open(config_.address, wakeup_, access_);
  v1::WorkerMessage message = NewMessage(0);
  *message.mutable_hello() = MakeHello(config_, InForce());
  stream_->Write(std::move(message));
}

void Session::Disconnect(Time now) {
  stream_->Close();
  closing_.push_back(std::exchange(stream_, nullptr));
  next_attempt_ = now + backoff_.Next();
  live_ = false;
  if (half_closed_) return;
  ++reconnects_;
  if (!lost_is_logged_) {
    spdlog::warn("no stream to the sidecar at {}: the run goes on with the directive in force",
                 config_.address);
  }
  lost_is_logged_ = true;
}

void Session::Watch(Time now) {
  const bool waits = !live_ || queue_.in_flight() > 0;
  if (!waits || now - progress_at_ <= stall_) return;
  ++stalls_;
  Disconnect(now);
}

void Session::WriteNext(Time now) {
  if (!live_ || half_closed_ || !stream_->CanWrite()) return;
  const bool idle = queue_.in_flight() == 0;
  const Outgoing* next = queue_.Next();
  if (next == nullptr) return;
  if (idle) progress_at_ = now;
  v1::WorkerMessage message = NewMessage(next->seq);
  std::visit([&](const auto& body) { SetBody(body, message); }, next->body);
  stream_->Write(std::move(message));
}

void Session::Receive(const v1::SidecarMessage& message, Time now) {
  switch (message.body_case()) {
    case v1::SidecarMessage::kHelloReply:
      return OnHelloReply(message.hello_reply(), now);
    case v1::SidecarMessage::kAck:
      return OnAck(message.ack().durable_seq(), now);
    case v1::SidecarMessage::kRefusal:
      return OnRefusal(message.refusal(), now);
    case v1::SidecarMessage::kDirective:
      return OnDirective(FromProto(message.directive()));
    case v1::SidecarMessage::BODY_NOT_SET:
      return;  // Of a newer sidecar.
  }
}

void Session::OnHelloReply(const v1::HelloReply& reply, Time now) {
  if (live_) return;
  live_ = true;
  progress_at_ = now;
  lease_epoch_ = reply.lease_epoch();
  if (reply.window_steps() > 0) window_steps_ = reply.window_steps();
  queue_.Rewind(reply.durable_seq());
  if (reply.has_in_force() && reply.in_force().version() > inbox_->last_version()) {
    OnDirective(FromProto(reply.in_force()));
  }
  if (lost_is_logged_) spdlog::info("the sidecar at {} answers again", config_.address);
  lost_is_logged_ = false;
}

void Session::OnAck(uint64_t seq, Time now) {
  if (!live_ || !queue_.Acknowledge(seq)) return;
  progress_at_ = now;
  backoff_.Reset();
}

void Session::OnRefusal(const v1::Refusal& refusal, Time now) {
  ++refused_;
  if (logged_refusals_.insert(refusal.reason()).second) {
    spdlog::warn("the sidecar at {} refused message {} ({}): {}", config_.address, refusal.seq(),
                 v1::RefusalReason_Name(refusal.reason()), refusal.detail());
  }
  if (!live_) return Disconnect(now);  // It was the Hello.
  if (queue_.Refuse(refusal.seq())) progress_at_ = now;
}

void Session::OnDirective(const Directive& directive) {
  if (config_.rank != 0) return;
  auto refused = inbox_->Offer(directive);
  if (!refused.has_value()) return;
  ++directives_refused_;
  Offer(*std::move(refused));
}

void Session::HalfClose() {
  if (half_closed_) return;
  half_closed_ = true;
  if (stream_ != nullptr && stream_->CanWrite()) stream_->WritesDone();
}

void Session::Cancel(Time now) {
  half_closed_ = true;
  if (stream_ != nullptr) Disconnect(now);
}

bool Session::Settled() {
  SweepClosing();
  return closing_.empty() && stream_ == nullptr;
}

void Session::FillStats(PublisherStats& stats) const {
  stats.snapshots_coalesced_later = queue_.coalesced();
  stats.events_dropped = events_dropped_;
  stats.messages_sent = queue_.sent();
  stats.messages_resent = queue_.resent();
  stats.messages_refused = refused_;
  stats.messages_waiting = queue_.size();
  stats.durable_seq = queue_.acknowledged();
  stats.reconnects = reconnects_;
  stats.stalls = stalls_;
  stats.directives_accepted = inbox_->accepted();
  stats.directives_repeated = inbox_->repeated();
  stats.directives_refused = directives_refused_;
  stats.connected = live_ && stream_ != nullptr;
}

}  // namespace sluice::telemetry

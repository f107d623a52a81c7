#include "tests/worker/telemetry/scripted_sidecar.h"

#include <algorithm>
#include <utility>

#include "common/status.h"

namespace sluice::telemetry {

ScriptedSidecar::ScriptedSidecar(std::deque<Script> scripts) : scripts_(std::move(scripts)) {
  Listen();
}

ScriptedSidecar::~ScriptedSidecar() { Stop(); }

std::string ScriptedSidecar::address() const { return "127.0.0.1:" + std::to_string(port_); }

void ScriptedSidecar::Listen() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  SLUICE_CHECK(server_ != nullptr);
}

void ScriptedSidecar::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_ = nullptr;
}

void ScriptedSidecar::Restart() { Listen(); }

void ScriptedSidecar::Forget() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ledger_ = Ledger{};
  for (grpc::ServerContext* context : open_) context->TryCancel();
  ++faults_;
}

Ledger ScriptedSidecar::ledger() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ledger_;
}

std::vector<v1::Hello> ScriptedSidecar::hellos() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return hellos_;
}

int ScriptedSidecar::faults() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return faults_;
}

int ScriptedSidecar::duplicates() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return duplicates_;
}

bool ScriptedSidecar::WaitFor(const std::function<bool(const Ledger&)>& condition,
                              std::chrono::seconds timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return condition(ledger_); });
}

bool ScriptedSidecar::WaitForHellos(size_t count) {
  return WaitFor([&](const Ledger&) { return hellos_.size() >= count; });
}

bool ScriptedSidecar::WaitForFaults(int count) {
  return WaitFor([&](const Ledger&) { return faults_ >= count; });
}

void ScriptedSidecar::NoteFault() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++faults_;
  changed_.notify_all();
}

bool ScriptedSidecar::Greet(const v1::WorkerMessage& hello, const Script& script, Writer& stream) {
  v1::SidecarMessage reply;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    hellos_.push_back(hello.hello());
    reply.mutable_hello_reply()->set_lease_epoch(++lease_epoch_);
    reply.mutable_hello_reply()->set_durable_seq(ledger_.durable_seq);
    reply.mutable_hello_reply()->set_window_steps(10);
    changed_.notify_all();
  }
  if (script.in_force.version() > 0) {
    *reply.mutable_hello_reply()->mutable_in_force() = script.in_force;
  }
  if (script.refuses_hello) {
    reply.mutable_refusal()->set_reason(v1::REFUSAL_REASON_LEASE_HELD);
    NoteFault();
  }
  if (!script.answers_hello) {
    NoteFault();
    return true;
  }
  if (!stream.Write(reply)) return false;
  for (const v1::Directive& directive : script.directives) {
    v1::SidecarMessage push;
    *push.mutable_directive() = directive;
    stream.Write(push);
  }
  return true;
}

bool ScriptedSidecar::Take(const v1::WorkerMessage& message, const Script& script, int number,
                           Writer& stream) {
  const uint64_t seq = message.identity().seq();
  v1::SidecarMessage answer;
  if (number > script.acknowledges) {
    if (number == script.acknowledges + 1) NoteFault();
    return true;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (seq == script.refuses_seq) {
    ++faults_;
    answer.mutable_refusal()->set_seq(seq);
    answer.mutable_refusal()->set_reason(v1::REFUSAL_REASON_OUT_OF_RANGE);
  } else {
    if (!ledger_.messages.insert({seq, message}).second) ++duplicates_;
    ledger_.durable_seq = std::max(ledger_.durable_seq, seq);
    answer.mutable_ack()->set_durable_seq(ledger_.durable_seq);
  }
  changed_.notify_all();
  return stream.Write(answer);
}

grpc::Status ScriptedSidecar::Stream(grpc::ServerContext* context, Writer* stream) {
  Script script;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!scripts_.empty()) {
      script = scripts_.front();
      scripts_.pop_front();
    }
    open_.push_back(context);
  }
  v1::WorkerMessage message;
  bool good = stream->Read(&message) && Greet(message, script, *stream);
  for (int number = 1; good && stream->Read(&message); ++number) {
    if (number > script.drops_after) {
      NoteFault();
      break;
    }
    good = Take(message, script, number, *stream);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase(open_, context);
  return grpc::Status::OK;
}

}  // namespace sluice::telemetry

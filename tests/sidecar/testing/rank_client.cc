#include "tests/sidecar/testing/rank_client.h"

#include <chrono>

#include "sidecar/wire/counters.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar::testing {

RankClient::RankClient(const std::string& address, const std::string& run, uint32_t rank,
                       uint32_t generation, const security::ClientAccess& access) {
  identity_.set_run(run);
  identity_.set_rank(rank);
  identity_.set_generation(generation);
  identity_.set_incarnation(1 + generation);
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  access.Authorize(&context_);
  stub_ = v1::Telemetry::NewStub(access.OpenChannel(address, {}));
  stream_ = stub_->Stream(&context_);
}

v1::WorkerMessage RankClient::Message(uint64_t seq) const {
  v1::WorkerMessage message;
  *message.mutable_identity() = identity_;
  message.mutable_identity()->set_seq(seq);
  return message;
}

v1::SidecarMessage RankClient::Greet(const std::string& instance, uint32_t world_size,
                                     uint64_t start_step) {
  v1::WorkerMessage message = Message(0);
  v1::Hello* hello = message.mutable_hello();
  hello->set_instance(instance);
  hello->set_world_size(world_size);
  v1::GateLayer* gate = hello->add_gates();
  gate->set_layer(kLayer);
  gate->set_scorer("head");
  gate->set_policy("threshold");
  gate->set_threshold(0.3);
  gate->set_target_rate(0.25);
  hello->set_start_step(start_step);
  if (start_step > 0) CountersToProto(CountersAt(start_step), hello->mutable_start_counters());
  stream_->Write(message);
  v1::SidecarMessage reply;
  stream_->Read(&reply);
  identity_.set_lease_epoch(reply.hello_reply().lease_epoch());
  return reply;
}

bool RankClient::Send(uint64_t seq, uint64_t step) {
  v1::WorkerMessage message = Message(seq);
  v1::GateSnapshot* snapshot = message.mutable_snapshot();
  snapshot->set_first_step(step);
  snapshot->set_last_step(step);
  CountersToProto(CountersAt(step), snapshot->mutable_counters());
  v1::LayerSample* layer = snapshot->add_layers();
  layer->set_layer(kLayer);
  layer->set_threshold(0.3);
  snapshot->set_loss(1.5);
  return Send(std::move(message));
}

bool RankClient::Send(v1::WorkerMessage message) { return stream_->Write(message); }

bool RankClient::ReadOne(v1::SidecarMessage* message) {
  if (!stream_->Read(message)) return false;
  if (message->has_ack()) acked = message->ack().durable_seq();
  if (message->has_directive()) directives.push_back(message->directive());
  if (message->has_refusal()) refusals.push_back(message->refusal());
  return true;
}

bool RankClient::WaitForAck(uint64_t seq) {
  v1::SidecarMessage message;
  while (acked < seq) {
    if (!ReadOne(&message)) return false;
  }
  return true;
}

grpc::Status RankClient::Finish() {
  stream_->WritesDone();
  v1::SidecarMessage message;
  while (ReadOne(&message)) {
  }
  return stream_->Finish();
}

}  // namespace sluice::sidecar::testing

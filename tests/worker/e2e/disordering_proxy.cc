#include "tests/worker/e2e/disordering_proxy.h"

#include <chrono>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"

namespace sluice::e2e {

DisorderingProxy::DisorderingProxy(const std::string& sidecar, uint32_t seed, double stale)
    : channel_(grpc::CreateChannel(sidecar, grpc::InsecureChannelCredentials())),
      seed_(seed),
      stale_share_(stale) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

DisorderingProxy::~DisorderingProxy() {
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
}

std::string DisorderingProxy::address() const { return absl::StrCat("127.0.0.1:", port_); }

namespace {

// What a process that lost its lease would say.
v1::WorkerMessage Stale(v1::WorkerMessage message) {
  v1::Identity* identity = message.mutable_identity();
  identity->set_lease_epoch(identity->lease_epoch() - 1);
  v1::GateSnapshot* snapshot = message.mutable_snapshot();
  snapshot->set_last_step(snapshot->last_step() + 200);
  v1::Counters* counters = snapshot->mutable_counters();
  counters->set_images_open(counters->images_open() + 1000000);
  return message;
}

}  // namespace

void DisorderingProxy::PassUp(Down& worker, Up& sidecar, std::mt19937 random) {
  std::bernoulli_distribution often(0.2), seldom(stale_share_);
  std::optional<v1::WorkerMessage> held;
  v1::WorkerMessage message;
  bool good = true;
  while (good && worker.Read(&message)) {
    if (!message.has_hello() && !message.has_run_ended() && !held && often(random)) {
      held = message;
      ++swapped_;
      continue;
    }
    good = sidecar.Write(message);
    ++passed_;
    if (good && message.has_snapshot() && seldom(random)) {
      ++stale_;
      good = sidecar.Write(Stale(message));
    }
    if (good && !message.has_hello() && often(random)) {
      ++doubled_;
      good = sidecar.Write(message);
    }
    if (good && held) good = sidecar.Write(*held);
    held.reset();
  }
  if (good && held) sidecar.Write(*held);
  sidecar.WritesDone();
}

grpc::Status DisorderingProxy::Stream(grpc::ServerContext* context, Down* worker) {
  grpc::ClientContext upstream;
  const std::unique_ptr<Up> sidecar = v1::Telemetry::NewStub(channel_)->Stream(&upstream);
  std::thread up([&] { PassUp(*worker, *sidecar, std::mt19937(seed_ + streams_++)); });
  v1::SidecarMessage message;
  while (sidecar->Read(&message) && worker->Write(message)) {
  }
  const grpc::Status status = sidecar->Finish();
  context->TryCancel();  // Ends the reading of what nobody takes any more.
  up.join();
  return status;
}

}  // namespace sluice::e2e

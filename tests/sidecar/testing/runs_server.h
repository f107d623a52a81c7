#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "sidecar/runs/runs_service.h"
#include "sluice/v1/runs.grpc.pb.h"

namespace sluice::sidecar::testing {

// The service Runs and a client of it in one process; the test publishes views and drains the
// queue.
class RunsServer {
 protected:
  RunsServer() {
    // Over a socket: a channel inside of the process has no address, and so no rights.
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::Runs::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                  grpc::InsecureChannelCredentials()));
  }
  ~RunsServer() {
    service_.FinishWatches();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  }
  // For one call of at most ten seconds.
  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return context;
  }

  std::unique_ptr<security::Guard> guard_ = *security::Guard::Make({});
  CommandQueue queue_{4};
  ViewHub hub_;
  JournalReader journal_{"no-state"};
  RunsService service_{&queue_, &hub_, &journal_, guard_.get()};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Runs::Stub> stub_;
};

}  // namespace sluice::sidecar::testing

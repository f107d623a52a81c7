#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace sluice::ctl {

// Serves one gRPC service on a free port of the loopback address until its own end. Calls under way
// are cancelled then. `service` must outlive it.
class LocalServer {
 public:
  explicit LocalServer(grpc::Service* service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;
  ~LocalServer() { Stop(); }

  const std::string& address() const { return address_; }
  void Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

 private:
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::ctl

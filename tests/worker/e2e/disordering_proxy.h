#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>

#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::e2e {

// Stands between workers and a sidecar and passes messages on; of those behind a stream's Hello it
// sends some twice and some after the one that follows them, and to a share `stale` of snapshots it
// adds one that claims much more, under the lease epoch before. Thread-safe.
class DisorderingProxy final : public v1::Telemetry::Service {
 public:
  // `sidecar` is HOST:PORT; what happens to which message is drawn from `seed`.
  DisorderingProxy(const std::string& sidecar, uint32_t seed, double stale = 0.0);
  ~DisorderingProxy() override;

  std::string address() const;
  int doubled() const { return doubled_; }
  int swapped() const { return swapped_; }
  int stale() const { return stale_; }
  int passed() const { return passed_; }

 private:
  using Down = grpc::ServerReaderWriter<v1::SidecarMessage, v1::WorkerMessage>;
  using Up = grpc::ClientReaderWriter<v1::WorkerMessage, v1::SidecarMessage>;
  grpc::Status Stream(grpc::ServerContext* context, Down* worker) override;
  void PassUp(Down& worker, Up& sidecar, std::mt19937 random);

  const std::shared_ptr<grpc::Channel> channel_;
  const uint32_t seed_;
  const double stale_share_;
  int port_ = 0;
  std::atomic<uint32_t> streams_{0};
  std::atomic<int> doubled_{0};
  std::atomic<int> swapped_{0}, stale_{0}, passed_{0};
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::e2e

#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "common/security/credentials.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar::testing {

// One rank that speaks the protocol over a real connection. Every read has a deadline: the stream's
// own, 20 s. Not thread-safe.
class RankClient {
 public:
  RankClient(const std::string& address, const std::string& run, uint32_t rank = 0,
             uint32_t generation = 0, const security::ClientAccess& access = {});

  // Sends Hello and reads the answer, whatever it is.
  v1::SidecarMessage Greet(const std::string& instance, uint32_t world_size = 1,
                           uint64_t start_step = 0);
  // Sends the snapshot of `step` as message `seq`.
  bool Send(uint64_t seq, uint64_t step);
  bool Send(v1::WorkerMessage message);
  // Reads until `seq` is acknowledged, keeping directives and refusals. False if the stream ends.
  bool WaitForAck(uint64_t seq);
  // Ends the stream and reads what is left.
  grpc::Status Finish();
  // A message of this rank without a body.
  v1::WorkerMessage Message(uint64_t seq) const;

  std::vector<v1::Directive> directives;
  std::vector<v1::Refusal> refusals;
  uint64_t acked = 0;

 private:
  bool ReadOne(v1::SidecarMessage* message);

  v1::Identity identity_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::Telemetry::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::SidecarMessage>> stream_;
};

}  // namespace sluice::sidecar::testing

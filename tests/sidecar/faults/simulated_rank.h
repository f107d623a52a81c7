#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/counters.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar::testing {

// What rank `rank` has counted after `step` steps, in closed form.
Counters CountersOfRank(uint32_t rank, uint64_t step);
// Snapshots that the message of `step` says were merged into it.
uint64_t CoalescedAt(uint64_t step);

struct SimulatedRankOptions {
  std::function<std::string()> address;  // Asked at each connection.
  std::string run = "r";
  std::string instance = "i";
  uint32_t rank = 0;
  uint32_t world_size = 1;
  std::string oracle;  // The file it writes.
  uint64_t most_unacked = 64;
  std::chrono::milliseconds stall{2000};  // Without a word: then it connects anew.
};

// A rank as a trainer is one: sends a message per step, keeps what is not acknowledged, connects
// again when the stream ends or stalls, and sends again what is not durable. Message seq is step
// seq.
//
// Into its file it writes, a line each and as they come: `hello DURABLE EPOCH VERSION` (what a
// reply said), `acked SEQ`, `directive VERSION` (pushed), `refused`, and at the end `steps N`.
class SimulatedRank {
 public:
  explicit SimulatedRank(SimulatedRankOptions options);
  ~SimulatedRank();

  // Takes no step above this one.
  void StopAt(uint64_t step);
  // Stops soon, unless it was told where, waits until all is acknowledged and says so in the file.
  bool Finish(std::chrono::seconds patience = std::chrono::seconds(60));
  uint64_t acked() const { return acked_; }
  uint64_t epoch() const { return epoch_; }

 private:
  using Stream = grpc::ClientReaderWriter<v1::WorkerMessage, v1::SidecarMessage>;

  void Loop();
  void RunStream();
  bool Greet(Stream& stream);
  void ReadAll(Stream& stream);
  bool SendUntilDone(Stream& stream);
  v1::WorkerMessage MessageAt(uint64_t step) const;
  bool IsDone() const;
  void Write(const std::string& line);

  const SimulatedRankOptions options_;
  const uint64_t incarnation_;
  std::mutex mutex_;  // Guards the file, the context and `stream_over_`.
  std::condition_variable moved_;
  std::ofstream file_;
  grpc::ClientContext* context_ = nullptr;
  bool stream_over_ = false, finished_ = false;
  std::chrono::steady_clock::time_point heard_;
  std::atomic<uint64_t> acked_{0}, sent_{0}, last_step_{UINT64_MAX}, epoch_{0};
  std::atomic<bool> stopping_{false};
  v1::Directive in_force_;
  std::thread thread_, watchdog_;
};

}  // namespace sluice::sidecar::testing

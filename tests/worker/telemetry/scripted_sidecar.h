#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::telemetry {

// What the scripted sidecar does wrong on one stream.
struct Script {
  bool answers_hello = true;
  bool refuses_hello = false;
  // Messages behind the Hello that are acknowledged; later ones are read and forgotten.
  int acknowledges = 1 << 30;
  // Messages behind the Hello after which the stream is ended by the sidecar.
  int drops_after = 1 << 30;
  // Refuses the message with this seq.
  uint64_t refuses_seq = 0;
  // Sent behind the HelloReply.
  std::vector<v1::Directive> directives{};
  // In the HelloReply.
  v1::Directive in_force{};
};

// What is durable at the scripted sidecar.
struct Ledger {
  std::map<uint64_t, v1::WorkerMessage> messages;  // By seq.
  uint64_t durable_seq = 0;
};

// A sidecar in this process that follows a script per stream and keeps a ledger: what it
// acknowledged is in the ledger, once, whatever it received how often. Thread-safe.
class ScriptedSidecar final : public v1::Telemetry::Service {
 public:
  // The n-th stream follows the n-th script; those behind the last follow the rules.
  explicit ScriptedSidecar(std::deque<Script> scripts = {});
  ~ScriptedSidecar() override;

  std::string address() const;
  // Ends all streams and stops listening.
  void Stop();
  // Listens again, on the same port.
  void Restart();
  // Loses all state and ends all streams.
  void Forget();

  Ledger ledger() const;
  std::vector<v1::Hello> hellos() const;
  // How many streams ended by a fault of the script, and messages that came although durable.
  int faults() const;
  int duplicates() const;
  // Waits until `condition(ledger)` holds; false after `timeout`.
  bool WaitFor(const std::function<bool(const Ledger&)>& condition,
               std::chrono::seconds timeout = std::chrono::seconds(20));
  // Waits for the n-th Hello.
  bool WaitForHellos(size_t count);
  bool WaitForFaults(int count);

 private:
  using Writer = grpc::ServerReaderWriter<v1::SidecarMessage, v1::WorkerMessage>;
  grpc::Status Stream(grpc::ServerContext* context, Writer* stream) override;
  bool Greet(const v1::WorkerMessage& hello, const Script& script, Writer& stream);
  bool Take(const v1::WorkerMessage& message, const Script& script, int number, Writer& stream);
  void Listen();
  void NoteFault();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Script> scripts_;
  Ledger ledger_;
  std::vector<v1::Hello> hellos_;
  std::vector<grpc::ServerContext*> open_;
  uint64_t lease_epoch_ = 0;
  int faults_ = 0;
  int duplicates_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::telemetry

#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sidecar/daemon/daemon_options.h"
#include "sidecar/daemon/grpc_server.h"
#include "sidecar/daemon/port_line.h"
#include "sidecar/engine/writer.h"
#include "sidecar/http/http_server.h"
#include "sidecar/ingest/telemetry_service.h"
#include "sidecar/metrics/view_metrics.h"
#include "sidecar/runs/runs_service.h"
#include "sidecar/store/journal_reader.h"

namespace sluice::sidecar {

// The whole sidecar: store, writer thread, both servers. Start and Stop from one thread.
class Daemon {
 public:
  // Everything is up when it returns. An error is one line for the user.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const DaemonOptions& options);
  ~Daemon();

  // Not serving, drain, commit, finish streams, shut down: by a deadline of `stop.seconds`, and in
  // a fraction of a second if no commit fails and no stream is stuck. A commit that never returns
  // holds it up: a caller that cannot wait has to end the process.
  void Stop();

  // See daemon/port_line.h.
  std::string PortLine() const { return sidecar::PortLine(grpc_->address(), http_->address()); }

 private:
  Daemon(const DaemonOptions& options, Engine engine, Store store,
         std::unique_ptr<security::Guard> guard);
  absl::Status StartServers(const DaemonOptions& options);
  HttpPages Pages();
  bool IsAlive() const;
  // "" if it is ready, else why not.
  std::string WhyNotReady() const;

  const DaemonOptions options_;
  // Outlives whoever asks it.
  const std::unique_ptr<security::Guard> guard_;
  JournalReader journal_;
  CommandQueue queue_;
  ViewHub hub_;
  ViewCollectable metrics_;
  Writer writer_;
  TelemetryService telemetry_;
  RunsService runs_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace sluice::sidecar

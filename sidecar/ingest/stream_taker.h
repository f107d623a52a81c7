#pragma once

#include <memory>

#include "absl/status/status.h"
#include "sidecar/engine/command_queue.h"
#include "sidecar/ingest/stream_port.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Where the messages of ranks' streams go. Thread-safe; must not block.
class StreamTaker {
 public:
  virtual ~StreamTaker() = default;
  // A message as it came; what it holds may be taken out. `turn`: OK, or by which refusal it is
  // beyond the rate of a stream. True: the next may be read. False: port->Read() is called later.
  virtual bool Take(const std::shared_ptr<StreamPort>& port, v1::WorkerMessage& message,
                    const absl::Status& turn) = 0;
  // The rank says no more, or the stream is gone; may be called twice. The taker ends the stream.
  virtual void Closed(const std::shared_ptr<StreamPort>& port) = 0;
};

// To the writer thread: checks a message and hands it to the queue; if that is full, the writer
// thread has the next one read.
class QueueTaker final : public StreamTaker {
 public:
  explicit QueueTaker(CommandQueue* queue) : queue_(queue) {}

  bool Take(const std::shared_ptr<StreamPort>& port, v1::WorkerMessage& message,
            const absl::Status& turn) override;
  void Closed(const std::shared_ptr<StreamPort>& port) override;

 private:
  CommandQueue* const queue_;
};

}  // namespace sluice::sidecar

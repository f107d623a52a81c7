#include "sidecar/ingest/stream_taker.h"

#include "sidecar/ingest/command_of.h"

namespace sluice::sidecar {

bool QueueTaker::Take(const std::shared_ptr<StreamPort>& port, v1::WorkerMessage& message,
                      const absl::Status& turn) {
  return queue_->Push(CommandOf(port, message, turn), [port] { port->Read(); });
}

// A rank may still wait for its last acknowledgement: the writer ends the stream after it.
void QueueTaker::Closed(const std::shared_ptr<StreamPort>& port) {
  queue_->PushAlways(StreamClosed{port});
}

}  // namespace sluice::sidecar

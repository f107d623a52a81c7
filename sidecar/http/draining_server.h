#pragma once

#include <httplib.h>

#include <functional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/file_descriptor.h"

namespace sluice::sidecar {

// httplib's server, but for the end of connections: httplib's own waits up to five seconds for each
// one that is open and idle, and keeps a thread for each. Thread-safe as far as httplib's is.
class DrainingServer final : public httplib::Server {
 public:
  // Threads of the server, and connections that may wait for a further request: browsers keep up to
  // six each, and a scrape must find a thread.
  static constexpr size_t kThreads = 16;
  static constexpr size_t kKept = 8;

  DrainingServer();

  // No connection waits for a request any more, neither those that are open nor those to come. An
  // answer under way is still sent. To be called before stop().
  void EndConnections();

  // For a handler, or what it gives httplib to write the answer with: the connection that is
  // answered goes to `taker` behind the answer, and is no longer this server's.
  static void HandOver(std::function<void(FileDescriptor)> taker);

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool ending() const;
  // Whether a connection that was answered may wait for a further request.
  bool MayWait() const;
  // Takes the socket off the list, and says whether the server ends.
  bool Forget(socket_t socket);

  mutable absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<socket_t> sockets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar

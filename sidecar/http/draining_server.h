#pragma once

#include <httplib.h>

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::sidecar {

// httplib's server, but for the end of connections: httplib's own waits up to five seconds for each
// one that is open and idle. Thread-safe as far as httplib's is.
class DrainingServer final : public httplib::Server {
 public:
  // No connection waits for a request any more, neither those that are open nor those to come. An
  // answer under way is still sent. To be called before stop().
  void EndConnections();

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool ending() const;

  mutable absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<socket_t> sockets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar

#pragma once

#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/file_descriptor.h"

namespace sluice::sidecar {

// httplib's server, but for connections. Their end: httplib's own waits up to five seconds for each
// one that is open and idle. And clients that crawl: httplib's own are patient with each byte, and
// a few of them take all its threads. Thread-safe as far as httplib's is.
class DrainingServer final : public httplib::Server {
 public:
  struct Options {
    size_t most = 512;  // Connections; beyond them the oldest gives way to the newest.
    size_t kept = 32;   // Those that may wait for a further request: browsers keep up to six each.
    std::chrono::milliseconds patience{10000};  // With a request's rest, and with an answer.
  };

  DrainingServer() : DrainingServer(Options{}) {}
  explicit DrainingServer(const Options& options);

  // For a server that is bound: as many connections as the system allows wait to be accepted.
  // httplib lets five wait, and whom a burst keeps out tries again after a second.
  void LengthenQueue();

  // No connection waits for a request any more, neither those that are open nor those to come. An
  // answer under way is still sent. To be called before stop().
  void EndConnections();

  // For a handler, or what it gives httplib to write the answer with: the connection that is
  // answered goes to `taker` behind the answer, and is no longer this server's.
  static void HandOver(std::function<void(FileDescriptor)> taker);

 private:
  bool process_and_close_socket(socket_t socket) override;
  // Ends the connection that has been there longest.
  void LetGoOldest();
  // Puts the socket on the list, and gives its number there.
  uint64_t Remember(socket_t socket);
  bool ending() const;
  // Whether a connection that was answered may wait for a further request.
  bool MayWait() const;
  // Takes the socket off the list, and says whether the server ends.
  bool Forget(uint64_t number);

  const Options options_;
  mutable absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, socket_t> sockets_ ABSL_GUARDED_BY(mutex_);  // In the order of their coming.
};

}  // namespace sluice::sidecar

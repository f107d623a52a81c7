#include "sidecar/ctl/watch_loop.h"

#include <poll.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>

#include "common/file_descriptor.h"
#include "common/status.h"
#include "sidecar/ctl/format.h"
#include "sidecar/ctl/run_feed.h"
#include "sidecar/ctl/watch_format.h"
#include "sidecar/ctl/watch_screen.h"

namespace sluice::ctl {
namespace {

// What a watch has printed.
class Printer {
 public:
  Printer(const Arguments& arguments, Output* output)
      : arguments_(arguments),
        output_(output),
        in_place_(!arguments.json && IsScreen(output->descriptor())) {}

  absl::Status Print(const v1::RunState& state) {
    ++printed_;
    done_ = HasEnded(state) || printed_ == arguments_.count;
    if (arguments_.json) return output_->Json(state);
    if (!in_place_) return output_->Text(format_.Update(state));
    return output_->Text(screen_.Update(state, SizeOf(output_->descriptor())));
  }
  bool done() const { return done_ || output_->closed(); }

 private:
  const Arguments& arguments_;
  Output* const output_;
  const bool in_place_;
  WatchFormat format_;
  WatchScreen screen_;
  uint64_t printed_ = 0;
  bool done_ = false;
};

absl::Status PrintAll(RunFeed& feed, Printer& printer) {
  while (auto item = feed.Take()) {
    SLUICE_RETURN_IF_ERROR(item->status());
    SLUICE_RETURN_IF_ERROR(printer.Print(**item));
    if (printer.done()) break;
  }
  return absl::OkStatus();
}

// Waits for something to happen. True: a signal came, or the reader of the output went away.
bool WaitOrEnd(int signals, int feed, int output) {
  // No event is asked of the output: a reader that goes away is reported all the same.
  std::array<pollfd, 3> wait = {{{signals, POLLIN, 0}, {feed, POLLIN, 0}, {output, 0, 0}}};
  const int ready = ::poll(wait.data(), wait.size(), -1);
  SLUICE_CHECK(ready >= 0 || errno == EINTR);
  return ready > 0 && (wait[0].revents != 0 || (wait[2].revents & (POLLERR | POLLHUP)) != 0);
}

}  // namespace

sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  SLUICE_CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  return signals;
}

absl::Status WatchRun(const Arguments& arguments, const sigset_t& signals, Client* client,
                      Output* output) {
  const FileDescriptor signal(::signalfd(-1, &signals, SFD_CLOEXEC));
  SLUICE_CHECK(signal.is_open());
  Printer printer(arguments, output);
  RunFeed feed(client, arguments.run);
  while (!printer.done()) {
    if (WaitOrEnd(signal.get(), feed.descriptor(), output->descriptor())) return absl::OkStatus();
    SLUICE_RETURN_IF_ERROR(PrintAll(feed, printer));
  }
  return absl::OkStatus();
}

}  // namespace sluice::ctl

#pragma once

#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sidecar/engine/view.h"

namespace sluice::sidecar {

// Somebody who wants to know of new views. Called on the writer thread; must not block.
class ViewWatcher {
 public:
  virtual ~ViewWatcher() = default;
  virtual void OnView(const std::shared_ptr<const View>& view) = 0;
};

// Where the writer thread leaves the newest view and everybody else finds it. Thread-safe. Lock
// order: the hub's lock before a watcher's; a watcher must not call the hub under its own.
class ViewHub {
 public:
  void Publish(const std::shared_ptr<const View>& view);
  std::shared_ptr<const View> Get() const;

  // From Add's return until Remove's return the watcher is called for each new view.
  void Add(ViewWatcher* watcher);
  void Remove(ViewWatcher* watcher);

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const View> view_ ABSL_GUARDED_BY(mutex_) = std::make_shared<View>();
  absl::Mutex watchers_mutex_;
  std::set<ViewWatcher*> watchers_ ABSL_GUARDED_BY(watchers_mutex_);
};

}  // namespace sluice::sidecar

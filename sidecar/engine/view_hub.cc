#include "sidecar/engine/view_hub.h"

#include <utility>

namespace sluice::sidecar {

void ViewHub::Publish(const std::shared_ptr<const View>& view) {
  {
    absl::MutexLock lock(&mutex_);
    view_ = view;
  }
  absl::MutexLock lock(&watchers_mutex_);
  for (ViewWatcher* watcher : watchers_) watcher->OnView(view);
}

std::shared_ptr<const View> ViewHub::Get() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

void ViewHub::Add(ViewWatcher* watcher) {
  absl::MutexLock lock(&watchers_mutex_);
  watchers_.insert(watcher);
}

void ViewHub::Remove(ViewWatcher* watcher) {
  absl::MutexLock lock(&watchers_mutex_);
  watchers_.erase(watcher);
}

}  // namespace sluice::sidecar

#include "sidecar/engine/view_hub.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::sidecar {
namespace {

struct NotingWatcher : ViewWatcher {
  void OnView(const std::shared_ptr<const View>& view) override {
    seen.push_back(view->commit_failures);
  }
  std::vector<uint64_t> seen;
};

std::shared_ptr<const View> ViewNumber(uint64_t number) {
  auto view = std::make_shared<View>();
  view->commit_failures = number;
  return view;
}

TEST(ViewHub, TheNewestIsFoundAndWatchersAreCalledWhileTheyAreThere) {
  ViewHub hub;
  ASSERT_NE(hub.Get(), nullptr);  // Before the first there is an empty one.
  NotingWatcher watcher;
  hub.Publish(ViewNumber(1));
  hub.Add(&watcher);
  hub.Publish(ViewNumber(2));
  hub.Publish(ViewNumber(3));
  hub.Remove(&watcher);
  hub.Publish(ViewNumber(4));
  EXPECT_EQ(hub.Get()->commit_failures, 4u);
  EXPECT_EQ(watcher.seen, (std::vector<uint64_t>{2, 3}));
}

}  // namespace
}  // namespace sluice::sidecar

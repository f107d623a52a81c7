#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "sluice/v1/runs.pb.h"

namespace sluice::ctl {

struct ScreenSize {
  size_t width = 80;
  size_t height = 24;

  bool operator==(const ScreenSize&) const = default;
};

// True if what is written to this descriptor can be written over: a terminal, and no simple one.
bool IsScreen(int descriptor);
// Of the terminal behind the descriptor; 80 by 24 if it does not say.
ScreenSize SizeOf(int descriptor);

// A watch on a terminal: the run in full, each update over the one before, cut to the terminal's
// size so that the cursor finds the way back. Not thread-safe.
class WatchScreen {
 public:
  // What is to be written for one update.
  std::string Update(const v1::RunState& state, ScreenSize size);

 private:
  void Remember(const v1::RunState& state);
  std::string Text(const v1::RunState& state) const;

  std::deque<std::string> directives_;  // The newest that were seen, newest first.
  uint64_t version_ = 0;
  size_t lines_ = 0;  // On the screen.
  ScreenSize size_;
};

}  // namespace sluice::ctl

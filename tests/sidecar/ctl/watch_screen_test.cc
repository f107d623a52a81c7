#include "sidecar/ctl/watch_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sidecar/ctl/states.h"

namespace sluice::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr ScreenSize kLarge{200, 60};

size_t LinesOf(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(WatchScreen, ShowsTheRunInFull) {
  v1::RunState state = StateOf("a");
  v1::Alert* alert = state.add_alerts();
  alert->set_name("lost_rank");
  alert->set_reason("rank 1");
  alert->set_since_step(12);
  state.mutable_breaker()->set_level(2);
  state.mutable_breaker()->set_highest_level(3);
  state.mutable_breaker()->set_reason("probe legacy");
  v1::ProbeState* probe = state.add_probes();
  probe->set_probe("legacy");
  probe->set_loss_delta(0.05);
  probe->set_limit(0.02);
  v1::GroupScale* scale = state.mutable_directive()->add_group_scales();
  scale->set_group("blocks.1.mlp");
  scale->set_scale(2.5);
  const std::string text = WatchScreen().Update(state, kLarge);
  EXPECT_THAT(text, StartsWith("run a   live   step 30   ranks 2 live, 0 lost, of 2"));
  EXPECT_THAT(text, HasSubstr("compute saved 0.680"));
  EXPECT_THAT(text, HasSubstr("ALERT lost_rank since step 12: rank 1"));
  EXPECT_THAT(text, HasSubstr("breaker level 2 of 3 allowed: none   since step 0: probe legacy"));
  EXPECT_THAT(text, HasSubstr("+0.0500"));
  EXPECT_THAT(text, HasSubstr("dormant blocks.1.mlp x 2.50"));
  EXPECT_THAT(text, HasSubstr("directive 7, based on step 20: target_rate: closer"));
  EXPECT_THAT(text, AllOf(HasSubstr("ENTROPY EMA"), HasSubstr("GENERATION")));
}

TEST(WatchScreen, GoesBackOverWhatItWroteBefore) {
  WatchScreen screen;
  const size_t lines = LinesOf(screen.Update(StateOf("a"), kLarge));
  const std::string back = "\x1b[" + std::to_string(lines) + "A\r";
  EXPECT_THAT(screen.Update(StateOf("a"), kLarge), StartsWith(back + "run a"));
  EXPECT_THAT(screen.Update(StateOf("a"), kLarge), StartsWith(back + "run a"));
  EXPECT_THAT(screen.Update(StateOf("a"), {100, 60}), StartsWith("\x1b[2J\x1b[Hrun a"));
}

TEST(WatchScreen, RemembersTheNewestDirectives) {
  WatchScreen screen;
  v1::RunState state = StateOf("a");
  std::string text;
  for (uint64_t version = 1; version <= 8; ++version) {
    state.mutable_directive()->set_version(version);
    screen.Update(state, kLarge);
    text = screen.Update(state, kLarge);  // Once, however often it is told.
  }
  for (const char* version : {"3", "8"}) {
    const std::string line = std::string("directive ") + version + ",";
    EXPECT_EQ(text.find(line), text.rfind(line));
    EXPECT_NE(text.find(line), std::string::npos) << version;
  }
  EXPECT_LT(text.find("directive 8,"), text.find("directive 7,"));
  EXPECT_THAT(text, Not(HasSubstr("directive 2,")));
}

TEST(WatchScreen, NeverFillsMoreThanTheTerminal) {
  v1::RunState state = StateOf("a");
  state.mutable_directive()->set_reason(std::string(300, 'x') + "\n\x1b[2J");
  for (const ScreenSize size : {ScreenSize{80, 24}, ScreenSize{20, 5}, ScreenSize{1, 1}}) {
    const std::string text = WatchScreen().Update(state, size);
    EXPECT_LT(LinesOf(text), std::max<size_t>(2, size.height)) << size.height;
    size_t begin = 0;
    for (size_t end = 0; (end = text.find("\x1b[K\n", begin)) != std::string::npos;
         begin = end + 4) {
      EXPECT_LE(end - begin, size.width) << text.substr(begin, end - begin);
    }
    EXPECT_THAT(text, Not(HasSubstr("\x1b[2J")));  // A reason steers no terminal.
  }
  EXPECT_THAT(WatchScreen().Update(state, {80, 5}), HasSubstr("more lines: the terminal"));
}

TEST(WatchScreen, CutsBetweenCharacters) {
  v1::RunState state = StateOf("a");
  state.clear_layers();
  state.clear_ranks();
  state.mutable_directive()->set_reason("ääää");
  const std::string head = "directive 7, based on step 20: ";
  const std::string text = WatchScreen().Update(state, {head.size() + 2, 60});
  EXPECT_THAT(text, HasSubstr(head + "ää\x1b[K\n"));
}

TEST(WatchScreen, AFileIsNoScreen) {
  std::FILE* file = std::tmpfile();
  EXPECT_FALSE(IsScreen(::fileno(file)));
  EXPECT_EQ(SizeOf(::fileno(file)), ScreenSize{});
  std::fclose(file);
}

}  // namespace
}  // namespace sluice::ctl

#include "sidecar/ctl/watch_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "sidecar/ctl/breaker_format.h"
#include "sidecar/ctl/format.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {
namespace {

constexpr size_t kDirectives = 6;

// Columns, where each character takes one. What goes on in the next byte is no new character.
bool BeginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::string Cut(const std::string& line, size_t width) {
  size_t columns = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (BeginsCharacter(line[i]) && columns++ == width) return line.substr(0, i);
  }
  return line;
}

std::string Head(const v1::RunState& state) {
  const RankCounts ranks = CountRanks(state);
  std::string text =
      absl::StrCat("run ", OneLine(state.run()), "   ", Phase(state), "   step ", state.step(),
                   "   ranks ", ranks.live, " live, ", ranks.lost, " lost, of ", state.world_size(),
                   "   coverage ", Fixed(state.coverage(), 3), "\n");
  absl::StrAppend(&text, "loss ", FixedOr(state.has_loss(), state.loss(), 4), "   accuracy dense ",
                  FixedOr(state.has_accuracy_dense(), state.accuracy_dense(), 4), ", gated ",
                  FixedOr(state.has_accuracy_gated(), state.accuracy_gated(), 4),
                  "   compute saved ",
                  FixedOr(state.has_compute_saved_ratio(), state.compute_saved_ratio(), 3),
                  "   images/s ", Fixed(state.images_per_second(), 1),
                  absl::StrFormat("   learning rate %.4g\n", state.learning_rate()));
  if (state.alerts().empty()) absl::StrAppend(&text, "alerts none\n");
  for (const v1::Alert& alert : state.alerts()) {
    absl::StrAppend(&text, "ALERT ", OneLine(alert.name()), " since step ", alert.since_step(),
                    ": ", OneLine(alert.reason()), "\n");
  }
  return text;
}

std::string Breaker(const v1::RunState& state) {
  const v1::BreakerState& breaker = state.breaker();
  std::string text =
      absl::StrCat("breaker level ", breaker.level(), " of ", breaker.highest_level(),
                   " allowed: ", ActionText(state.directive().breaker_action()));
  if (!breaker.reason().empty()) {
    absl::StrAppend(&text, "   since step ", breaker.since_step(), ": ", OneLine(breaker.reason()));
  }
  return text + "\n";
}

std::string DormantGroups(const v1::RunState& state) {
  std::string text;
  for (const v1::GroupScale& scale : state.directive().group_scales()) {
    absl::StrAppend(&text, "dormant ", OneLine(scale.group()), " x ", Fixed(scale.scale(), 2),
                    "\n");
  }
  return text;
}

}  // namespace

bool IsScreen(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && terminal != nullptr && std::string(terminal) != "dumb" &&
         *terminal != '\0';
}

ScreenSize SizeOf(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {size.ws_col, size.ws_row};
}

void WatchScreen::Remember(const v1::RunState& state) {
  const v1::Directive& directive = state.directive();
  if (directive.version() == version_) return;
  version_ = directive.version();
  directives_.push_front(absl::StrCat("directive ", version_, ", based on step ",
                                      directive.based_on_step(), ": ",
                                      OneLine(directive.reason())));
  if (directives_.size() > kDirectives) directives_.pop_back();
}

std::string WatchScreen::Text(const v1::RunState& state) const {
  std::string text = Head(state);
  if (state.layers_size() > 0) absl::StrAppend(&text, "\n", LayerTable(state));
  absl::StrAppend(&text, "\n", Breaker(state));
  if (state.probes_size() > 0) absl::StrAppend(&text, ProbeTable(state));
  text += DormantGroups(state);
  if (state.ranks_size() > 0) absl::StrAppend(&text, "\n", RankTable(state));
  if (!directives_.empty()) text += "\n";
  for (const std::string& directive : directives_) absl::StrAppend(&text, directive, "\n");
  return text;
}

std::string WatchScreen::Update(const v1::RunState& state, ScreenSize size) {
  Remember(state);
  std::vector<std::string> lines = absl::StrSplit(Text(state), '\n');
  lines.pop_back();                                          // Behind the last end of a line.
  const size_t room = std::max<size_t>(2, size.height) - 1;  // The cursor stands below.
  if (lines.size() > room) {
    const size_t left = lines.size() - room + 1;
    lines.resize(room - 1);
    lines.push_back(absl::StrCat("(", left, " more lines: the terminal is too small)"));
  }
  // A terminal of another size may have broken lines anew.
  std::string text = lines_ == 0     ? ""
                     : size_ != size ? "\x1b[2J\x1b[H"
                                     : absl::StrCat("\x1b[", lines_, "A\r");
  for (const std::string& line : lines) absl::StrAppend(&text, Cut(line, size.width), "\x1b[K\n");
  lines_ = lines.size();
  size_ = size;
  return text + "\x1b[J";
}

}  // namespace sluice::ctl

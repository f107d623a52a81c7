#include "sidecar/ctl/format.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string OrNone(const std::string& text) { return text.empty() ? "-" : OneLine(text); }

std::vector<std::string> RunRow(const v1::RunState& state) {
  const RankCounts ranks = CountRanks(state);
  std::vector<std::string> row = {state.run(), Phase(state), absl::StrCat(state.step()),
                                  absl::StrCat(ranks.live), absl::StrCat(ranks.lost)};
  // The last gate is the headline.
  const bool any = state.layers_size() > 0;
  const v1::LayerState layer = any ? *state.layers().rbegin() : v1::LayerState();
  row.push_back(FixedOr(HasWindow(layer), layer.activation_rate(), 3));
  row.push_back(FixedOr(any, layer.threshold(), 4));
  row.push_back(FixedOr(state.has_loss(), state.loss(), 4));
  row.push_back(FixedOr(state.has_accuracy_dense(), state.accuracy_dense(), 4));
  row.push_back(FixedOr(state.has_accuracy_gated(), state.accuracy_gated(), 4));
  row.push_back(absl::StrCat(state.directive().version()));
  return row;
}

void AddDirective(const v1::Directive& directive, Pairs& pairs) {
  if (directive.version() == 0) {
    pairs.emplace_back("directive", "none yet");
    return;
  }
  pairs.emplace_back("directive", absl::StrCat("version ", directive.version(), ", based on step ",
                                               directive.based_on_step()));
  pairs.emplace_back("reason", OrNone(directive.reason()));
  for (const v1::GroupScale& scale : directive.group_scales()) {
    pairs.emplace_back("dormant group",
                       absl::StrCat(OneLine(scale.group()), ", scale ", Fixed(scale.scale(), 2)));
  }
}

void AddAlerts(const v1::RunState& state, Pairs& pairs) {
  if (state.alerts().empty()) pairs.emplace_back("alerts", "none");
  for (const v1::Alert& alert : state.alerts()) {
    pairs.emplace_back("alert", absl::StrCat(alert.name(), " since step ", alert.since_step(), ": ",
                                             OneLine(alert.reason())));
  }
}

// The rank that worked longest before its newest step's first collective, if there are others to
// compare it to (of two middle ones the faster is the median).
std::string Straggler(const v1::RunState& state) {
  std::vector<std::pair<double, uint32_t>> ranks;
  for (const v1::RankState& rank : state.ranks()) {
    if (rank.connected() && rank.has_timing())
      ranks.emplace_back(rank.timing().own_seconds(), rank.rank());
  }
  if (ranks.size() < 2) return "-";
  std::sort(ranks.begin(), ranks.end());
  const double behind = ranks.back().first - ranks[(ranks.size() - 1) / 2].first;
  return absl::StrFormat("rank %d, %.1f ms behind the median rank", ranks.back().second,
                         1e3 * behind);
}

// Cells of a window at its i-th gate layer; a window may lack one.
void AddWindowLayer(const v1::Window& window, int i, std::vector<std::string>& row) {
  const bool any = i < window.layers_size();
  const v1::LayerState layer = any ? window.layers(i) : v1::LayerState();
  row.push_back(FixedOr(any, layer.threshold(), 4));
  row.push_back(FixedOr(any, layer.activation_rate(), 3));
  row.push_back(FixedOr(any, layer.score_ema(), 4));
}

}  // namespace

RankCounts CountRanks(const v1::RunState& state) {
  RankCounts counts;
  uint32_t known = 0;
  for (const v1::RankState& rank : state.ranks()) {
    ++known;
    counts.live += rank.connected() ? 1 : 0;
    counts.lost += !rank.connected() && !rank.ended() ? 1 : 0;
  }
  counts.lost += state.world_size() > known ? state.world_size() - known : 0;
  return counts;
}

bool HasEnded(const v1::RunState& state) {
  uint32_t ended = 0;
  for (const v1::RankState& rank : state.ranks()) ended += rank.ended() ? 1 : 0;
  return ended > 0 && ended >= state.world_size();
}

std::string Phase(const v1::RunState& state) {
  if (HasEnded(state)) return "ended";
  return CountRanks(state).live > 0 ? "live" : "lost";
}

std::string Fixed(double value, int digits) {
  // A loss that ran away must not push the columns apart.
  return value < 1e6 && value > -1e6 ? absl::StrFormat("%.*f", digits, value)
                                     : absl::StrFormat("%.3g", value);
}

std::string FixedOr(bool present, double value, int digits) {
  return present ? Fixed(value, digits) : "-";
}

bool HasWindow(const v1::LayerState& layer) {
  return layer.score_mean() != 0.0 || layer.score_ema() != 0.0 || layer.score_stddev() != 0.0 ||
         layer.activation_rate() != 0.0;
}

std::string LayerTable(const v1::RunState& state) {
  Rows rows;
  for (const v1::LayerState& layer : state.layers()) {
    const bool seen = HasWindow(layer);
    uint64_t open = 0, closed = 0;
    for (const v1::LayerCounters& counters : state.counters().layers()) {
      if (counters.layer() != layer.layer()) continue;
      open = counters.tokens_open();
      closed = counters.tokens_closed();
    }
    rows.push_back({absl::StrCat(layer.layer()), Fixed(layer.threshold(), 4),
                    FixedOr(layer.target_rate() > 0.0, layer.target_rate(), 3),
                    FixedOr(seen, layer.activation_rate(), 3), FixedOr(seen, layer.score_ema(), 4),
                    FixedOr(seen, layer.score_mean(), 4), FixedOr(seen, layer.score_stddev(), 4),
                    absl::StrCat(open), absl::StrCat(closed)});
  }
  return Table({{"LAYER"},
                {"THRESHOLD"},
                {"TARGET RATE"},
                {"ACTIVATION RATE"},
                {"ENTROPY EMA"},
                {"ENTROPY"},
                {"STDDEV"},
                {"TOKENS OPEN"},
                {"TOKENS CLOSED"}},
               rows);
}

std::string RankTable(const v1::RunState& state) {
  Rows rows;
  for (const v1::RankState& rank : state.ranks()) {
    rows.push_back({absl::StrCat(rank.rank()),
                    rank.ended() ? "ended" : (rank.connected() ? "live" : "lost"),
                    absl::StrCat(rank.step()), absl::StrCat(rank.generation()),
                    FixedOr(rank.has_timing(), 1e3 * rank.timing().own_seconds(), 1),
                    FixedOr(rank.has_timing(), 1e3 * rank.timing().exposed_seconds(), 1),
                    rank.has_timing() ? absl::StrCat(rank.timing().open_tokens()) : "-"});
  }
  return Table({{"RANK"},
                {"STATE", true},
                {"STEP"},
                {"GENERATION"},
                {"OWN MS"},
                {"WAIT MS"},
                {"TOKENS OPEN"}},
               rows);
}

std::string RunsText(const v1::ListRunsResponse& response) {
  if (response.runs().empty()) return "no run has reported yet\n";
  Rows rows;
  for (const v1::RunState& state : response.runs()) rows.push_back(RunRow(state));
  return Table({{"RUN", true},
                {"STATE", true},
                {"STEP"},
                {"LIVE"},
                {"LOST"},
                {"RATE"},
                {"THRESHOLD"},
                {"LOSS"},
                {"ACC DENSE"},
                {"ACC GATED"},
                {"DIRECTIVE"}},
               rows);
}

std::string RunText(const v1::RunState& state) {
  const RankCounts ranks = CountRanks(state);
  const v1::Counters& counters = state.counters();
  Pairs pairs = {
      {"run", state.run()},
      {"state", Phase(state)},
      {"step", absl::StrCat(state.step())},
      {"ranks", absl::StrCat(ranks.live, " live, ", ranks.lost, " lost, of ", state.world_size())},
      {"coverage", Fixed(state.coverage(), 3)},
      {"loss", FixedOr(state.has_loss(), state.loss(), 4)},
      {"accuracy dense", FixedOr(state.has_accuracy_dense(), state.accuracy_dense(), 4)},
      {"accuracy gated", FixedOr(state.has_accuracy_gated(), state.accuracy_gated(), 4)},
      {"learning rate", absl::StrFormat("%.4g", state.learning_rate())},
      {"images/s", Fixed(state.images_per_second(), 1)},
      {"compute saved", FixedOr(state.has_compute_saved_ratio(), state.compute_saved_ratio(), 3)},
      {"straggler", Straggler(state)},
      {"images",
       absl::StrCat(counters.images_open(), " open, ", counters.images_skipped(), " skipped")},
      {"breaker level", absl::StrCat(state.breaker_level())}};
  AddAlerts(state, pairs);
  AddDirective(state.directive(), pairs);
  std::string text = KeyValues(pairs);
  if (state.layers_size() > 0) absl::StrAppend(&text, "\n", LayerTable(state));
  if (state.ranks_size() > 0) absl::StrAppend(&text, "\n", RankTable(state));
  return text;
}

std::string HistoryText(const v1::GetHistoryResponse& response) {
  if (response.windows().empty()) return "no window has closed in this range\n";
  std::vector<Column> columns = {{"FIRST"}, {"LAST"}};
  const v1::Window& newest = *response.windows().rbegin();
  for (const v1::LayerState& layer : newest.layers()) {
    for (const char* name : {"THRESHOLD", "RATE", "EMA"}) {
      columns.push_back({absl::StrCat(name, "@", layer.layer())});
    }
  }
  for (const char* name : {"LOSS", "COVERAGE", "DIRECTIVE"}) columns.push_back({name});
  columns.push_back({"REASON", true});
  Rows rows;
  for (const v1::Window& window : response.windows()) {
    std::vector<std::string> row = {absl::StrCat(window.first_step()),
                                    absl::StrCat(window.last_step())};
    for (int i = 0; i < newest.layers_size(); ++i) AddWindowLayer(window, i, row);
    row.push_back(FixedOr(window.has_loss(), window.loss(), 4));
    row.push_back(Fixed(window.coverage(), 3));
    row.push_back(window.directive_version() > 0 ? absl::StrCat(window.directive_version()) : "-");
    row.push_back(OrNone(window.reason()));
    rows.push_back(std::move(row));
  }
  return Table(columns, rows);
}

std::string DirectiveText(const v1::Directive& directive) {
  Pairs pairs = {{"run", directive.run()}};
  AddDirective(directive, pairs);
  for (const v1::LayerDirective& layer : directive.layers()) {
    pairs.emplace_back(absl::StrCat("threshold at layer ", layer.layer()),
                       Fixed(layer.threshold(), 4));
  }
  return KeyValues(pairs);
}

}  // namespace sluice::ctl

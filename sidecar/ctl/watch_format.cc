#include "sidecar/ctl/watch_format.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sidecar/ctl/format.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {
namespace {

std::vector<Column> WatchColumns(const std::vector<uint32_t>& layers) {
  std::vector<Column> columns = {{"STATE", true}, {"STEP", false, 8}, {"LIVE"}, {"LOST"}};
  for (const uint32_t layer : layers) {
    columns.push_back({absl::StrCat("THRESHOLD@", layer)});
    columns.push_back({absl::StrCat("RATE@", layer)});
    columns.push_back({absl::StrCat("EMA@", layer), false, 6});
  }
  columns.push_back({"LOSS", false, 8});
  columns.push_back({"ACC DENSE"});
  columns.push_back({"ACC GATED"});
  columns.push_back({"IMAGES/S"});
  columns.push_back({"DIRECTIVE"});
  columns.push_back({"ALERTS", true});
  columns.push_back({"REASON", true});
  return columns;
}

std::vector<std::string> WatchCells(const v1::RunState& state) {
  const RankCounts ranks = CountRanks(state);
  std::vector<std::string> cells = {Phase(state), absl::StrCat(state.step()),
                                    absl::StrCat(ranks.live), absl::StrCat(ranks.lost)};
  for (const v1::LayerState& layer : state.layers()) {
    const bool seen = HasWindow(layer);
    cells.push_back(Fixed(layer.threshold(), 4));
    cells.push_back(FixedOr(seen, layer.activation_rate(), 3));
    cells.push_back(FixedOr(seen, layer.score_ema(), 4));
  }
  cells.push_back(FixedOr(state.has_loss(), state.loss(), 4));
  cells.push_back(FixedOr(state.has_accuracy_dense(), state.accuracy_dense(), 4));
  cells.push_back(FixedOr(state.has_accuracy_gated(), state.accuracy_gated(), 4));
  cells.push_back(Fixed(state.images_per_second(), 1));
  cells.push_back(absl::StrCat(state.directive().version()));
  std::vector<std::string> alerts;
  for (const v1::Alert& alert : state.alerts()) alerts.push_back(alert.name());
  cells.push_back(alerts.empty() ? "-" : absl::StrJoin(alerts, ","));
  cells.push_back(OneLine(state.directive().reason()));
  return cells;
}

}  // namespace

std::string WatchFormat::Update(const v1::RunState& state) {
  std::vector<uint32_t> layers;
  for (const v1::LayerState& layer : state.layers()) layers.push_back(layer.layer());
  const std::vector<Column> columns = WatchColumns(layers);
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns) {
    titles.push_back(column.title);
    widths.push_back(std::max(column.title.size(), column.least_width));
  }
  std::string text;
  if (!has_header_ || layers != layers_) text = Row(columns, titles, widths);
  has_header_ = true;
  layers_ = layers;
  return text + Row(columns, WatchCells(state), widths);
}

}  // namespace sluice::ctl

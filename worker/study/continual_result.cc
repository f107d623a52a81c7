#include "worker/study/continual_result.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::study {
namespace {

using nlohmann::json;

json ToJson(const Spread& spread) {
  return {{"mean", spread.mean}, {"deviation", spread.deviation}};
}

std::string Cell(const Spread& spread, double scale, int digits, bool several) {
  return several ? absl::StrFormat("%.*f ± %.*f", digits, scale * spread.mean, digits,
                                   scale * spread.deviation)
                 : absl::StrFormat("%.*f", digits, scale * spread.mean);
}

const StrategyRun* Find(const std::vector<StrategyRun>& runs, const std::string& name,
                        int64_t seed) {
  for (const StrategyRun& run : runs) {
    if (run.name == name && run.seed == seed) return &run;
  }
  return nullptr;
}

StrategyRow MakeRow(const std::string& name, const std::vector<StrategyRun>& runs) {
  std::vector<double> retention, average, forgetting, transfer, diagonal, seconds, flops, over_sft;
  StrategyRow row;
  row.name = name;
  for (const StrategyRun& run : runs) {
    if (run.name != name) continue;
    const ContinualMetrics m = Measure(run.matrix);
    retention.push_back(m.retention);
    average.push_back(m.average_accuracy);
    forgetting.push_back(m.forgetting);
    transfer.push_back(m.backward_transfer);
    diagonal.push_back(m.diagonal);
    seconds.push_back(run.seconds);
    flops.push_back(run.flops);
    const StrategyRun* sft = Find(runs, "sft", run.seed);
    if (sft != nullptr && sft->seconds > 0.0) over_sft.push_back(run.seconds / sft->seconds);
    if (row.matrix.empty()) {
      row.matrix = run.matrix.accuracy;
      for (std::vector<double>& line : row.matrix) std::fill(line.begin(), line.end(), 0.0);
    }
    ++row.seeds;
    for (size_t i = 0; i < row.matrix.size(); ++i) {
      for (size_t j = 0; j < row.matrix.size(); ++j) row.matrix[i][j] += run.matrix.accuracy[i][j];
    }
  }
  for (std::vector<double>& line : row.matrix) {
    for (double& value : line) value /= static_cast<double>(row.seeds);
  }
  row.retention = SpreadOf(retention);
  row.average_accuracy = SpreadOf(average);
  row.forgetting = SpreadOf(forgetting);
  row.backward_transfer = SpreadOf(transfer);
  row.diagonal = SpreadOf(diagonal);
  row.seconds = SpreadOf(seconds);
  row.flops = SpreadOf(flops);
  row.seconds_over_sft = SpreadOf(over_sft);
  return row;
}

}  // namespace

std::string StrategyRunsToJson(const std::vector<StrategyRun>& runs) {
  json list = json::array();
  for (const StrategyRun& run : runs) {
    list.push_back({{"name", run.name},
                    {"seed", run.seed},
                    {"matrix", run.matrix.accuracy},
                    {"seconds", run.seconds},
                    {"flops", run.flops}});
  }
  return list.dump(2, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<std::vector<StrategyRun>> StrategyRunsFromJson(const std::string& text) {
  std::vector<StrategyRun> runs;
  try {
    const json list = json::parse(text);
    for (const json& item : list.get_ref<const json::array_t&>()) {
      runs.push_back({item.at("name").get<std::string>(),
                      item.at("seed").get<int64_t>(),
                      {item.at("matrix").get<std::vector<std::vector<double>>>()},
                      item.at("seconds").get<double>(),
                      item.at("flops").get<double>()});
    }
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("stored runs: ", error.what()));
  }
  return runs;
}

Spread SpreadOf(const std::vector<double>& values) {
  Spread spread;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / n;
  if (values.size() < 2) return spread;
  double squares = 0.0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / (n - 1.0));
  return spread;
}

std::vector<StrategyRow> MakeStrategyRows(const std::vector<StrategyRun>& runs) {
  std::vector<StrategyRow> rows;
  for (const StrategyRun& run : runs) {
    const bool known = std::any_of(rows.begin(), rows.end(),
                                   [&](const StrategyRow& row) { return row.name == run.name; });
    if (!known) rows.push_back(MakeRow(run.name, runs));
  }
  return rows;
}

std::string ContinualToJson(const std::vector<std::string>& domains,
                            const std::vector<StrategyRow>& rows) {
  json strategies = json::array();
  for (const StrategyRow& row : rows) {
    strategies.push_back({{"name", row.name},
                          {"seeds", row.seeds},
                          {"retention", ToJson(row.retention)},
                          {"average_accuracy", ToJson(row.average_accuracy)},
                          {"forgetting", ToJson(row.forgetting)},
                          {"backward_transfer", ToJson(row.backward_transfer)},
                          {"diagonal", ToJson(row.diagonal)},
                          {"seconds", ToJson(row.seconds)},
                          {"flops", ToJson(row.flops)},
                          {"seconds_over_sft", ToJson(row.seconds_over_sft)},
                          {"matrix", row.matrix}});
  }
  return json{{"domains", domains}, {"strategies", strategies}}.dump(
      2, ' ', false, json::error_handler_t::replace);
}

std::string ContinualToMarkdown(const std::vector<StrategyRow>& rows) {
  std::string table =
      "| strategy | retention % | mean diagonal % | average accuracy % | forgetting | backward "
      "transfer | seconds | over sft | TFLOP |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const StrategyRow& row : rows) {
    const bool several = row.seeds > 1;
    absl::StrAppend(
        &table, "| ", row.name, " | ", Cell(row.retention, 100, 1, several), " | ",
        Cell(row.diagonal, 100, 1, several), " | ", Cell(row.average_accuracy, 100, 1, several),
        " | ", Cell(row.forgetting, 100, 1, several), " | ",
        Cell(row.backward_transfer, 100, 1, several), " | ", Cell(row.seconds, 1, 1, several),
        " | ", Cell(row.seconds_over_sft, 1, 2, several), " | ", Cell(row.flops, 1e-12, 2, false),
        " |\n");
  }
  return table;
}

}  // namespace sluice::study

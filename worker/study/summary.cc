#include "worker/study/summary.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::study {
namespace {

using nlohmann::json;

json Optional(const std::optional<double>& value) { return value ? json(*value) : json(nullptr); }

std::vector<std::string> Names(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> names;
  for (const ComparedRun& run : runs) {
    if (std::find(names.begin(), names.end(), run.name) == names.end()) names.push_back(run.name);
  }
  return names;
}

// Measured values of the runs of `name`.
std::vector<double> Collect(
    const std::vector<ComparedRun>& runs, const std::string& name,
    const std::function<std::optional<double>(const train::TrainReport&)>& value) {
  std::vector<double> values;
  for (const ComparedRun& run : runs) {
    if (run.name != name) continue;
    if (const std::optional<double> measured = value(run.report)) values.push_back(*measured);
  }
  return values;
}

std::optional<double> Percent(const std::optional<double>& share) {
  return share ? std::optional<double>(100.0 * *share) : std::nullopt;
}

// Mean and error as a cell of the table; "-" where nothing was measured.
std::string Text(const std::vector<double>& values, int digits, bool with_error = true) {
  if (values.empty()) return "-";
  const MeanError m = Summarise(values);
  return with_error && m.error > 0.0
             ? absl::StrFormat("%.*f ± %.*f", digits, m.mean, digits, m.error)
             : absl::StrFormat("%.*f", digits, m.mean);
}

std::string Signed(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const MeanError m = Summarise(values);
  return m.error > 0.0 ? absl::StrFormat("%+.1f ± %.1f", m.mean, m.error)
                       : absl::StrFormat("%+.1f", m.mean);
}

std::string Row(const std::vector<ComparedRun>& runs, const std::string& name,
                const std::string& baseline) {
  const auto of = [&](const std::function<std::optional<double>(const train::TrainReport&)>& f) {
    return Collect(runs, name, f);
  };
  const auto over_baseline = [&](bool gated) {
    return name == baseline ? "" : Signed(PairedDifferences(runs, name, baseline, gated));
  };
  const std::vector<std::string> cells = {
      name,
      Text(of([](const auto& r) { return Percent(r.accuracy_dense); }), 1),
      Text(of([](const auto& r) { return Percent(r.accuracy_gated); }), 1),
      over_baseline(false),
      over_baseline(true),
      Text(of([](const auto& r) { return double(r.images); }), 0, /*with_error=*/false),
      Text(of([](const auto& r) { return r.seconds; }), 1),
      Text(of([](const auto& r) { return double(r.steps); }), 0, /*with_error=*/false),
      Text(of([](const auto& r) { return r.activation_rate; }), 3),
      Text(of([](const auto& r) { return double(r.directives_applied); }), 0, false)};
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

json RunToJson(const ComparedRun& run) {
  json curve = json::array();
  for (const train::CurvePoint& p : run.report.curve) {
    curve.push_back({{"step", p.step},
                     {"seconds", p.seconds},
                     {"accuracy_dense", Optional(p.accuracy_dense)},
                     {"accuracy_gated", Optional(p.accuracy_gated)}});
  }
  return {{"name", run.name},
          {"seed", run.seed},
          {"accuracy_dense", Optional(run.report.accuracy_dense)},
          {"accuracy_gated", Optional(run.report.accuracy_gated)},
          {"images", run.report.images},
          {"seconds", run.report.seconds},
          {"activation_rate", run.report.activation_rate},
          {"eval_activation_rate", run.report.eval_activation_rate},
          {"steps", run.report.steps},
          {"directive_version", run.report.directive_version},
          {"directives_applied", run.report.directives_applied},
          {"curve", curve}};
}

}  // namespace

MeanError Summarise(const std::vector<double>& values) {
  MeanError result;
  if (values.empty()) return result;
  const auto n = static_cast<double>(values.size());
  result.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return result;
  double squares = 0.0;
  for (const double v : values) squares += (v - result.mean) * (v - result.mean);
  result.error = std::sqrt(squares / (n - 1.0) / n);
  return result;
}

std::vector<double> PairedDifferences(const std::vector<ComparedRun>& runs, const std::string& name,
                                      const std::string& baseline, bool gated) {
  std::vector<double> differences;
  for (const ComparedRun& run : runs) {
    const std::optional<double>& mine =
        gated ? run.report.accuracy_gated : run.report.accuracy_dense;
    if (run.name != name || !mine) continue;
    for (const ComparedRun& other : runs) {
      if (other.name == baseline && other.seed == run.seed && other.report.accuracy_dense) {
        differences.push_back(100.0 * (*mine - *other.report.accuracy_dense));
      }
    }
  }
  return differences;
}

std::string ComparisonToJson(const std::vector<ComparedRun>& runs, double budget_seconds) {
  json list = json::array();
  for (const ComparedRun& run : runs) list.push_back(RunToJson(run));
  return json{{"budget_seconds", budget_seconds}, {"runs", list}}.dump(
      2, ' ', false, json::error_handler_t::replace);
}

std::string StudyRunsToJson(const std::vector<ComparedRun>& runs) {
  json list = json::array();
  for (const ComparedRun& run : runs) {
    list.push_back(RunToJson(run));
    list.back()["lr"] = run.lr;
    list.back()["dense_seconds"] = run.dense_seconds;
  }
  return list.dump(2, ' ', false, json::error_handler_t::replace);
}

std::string ComparisonTable(const std::vector<ComparedRun>& runs, const std::string& baseline) {
  std::string table = absl::StrFormat(
      "| run | dense eval %% | gated eval %% | over %s | gated over %s | images | seconds | "
      "steps | activation rate | directives |\n",
      baseline, baseline);
  absl::StrAppend(&table, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::string& name : Names(runs)) absl::StrAppend(&table, Row(runs, name, baseline));
  return table;
}

}  // namespace sluice::study

#include "worker/study/study_report.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/study/dot_chart.h"
#include "worker/study/verdicts.h"

namespace sluice::study {
namespace {

using nlohmann::json;

json PlanToJson(const StudyPlan& plan) {
  const ComparisonConfig& c = plan.runs;
  return {{"scorers", plan.grid.scorers},
          {"policies", plan.grid.policies},
          {"schedules", plan.grid.schedules},
          {"half", plan.grid.half},
          {"rate", plan.grid.rate},
          {"mode", plan.grid.mode},
          {"anneal", plan.grid.anneal},
          {"grow", plan.grid.grow},
          {"domains", plan.domains},
          {"seeds", plan.seeds},
          {"lrs", plan.lrs},
          {"tuning_seed", plan.tuned() ? json(kTuningSeed) : json(nullptr)},
          {"seconds", c.seconds},
          {"images", c.images},
          {"eval_images", c.eval_images},
          {"batch", c.batch},
          {"nproc", c.nproc},
          {"data", c.data_folder},
          {"pretrain_steps", c.init.empty() ? json(c.pretrain_steps) : json(nullptr)},
          {"init", c.init},
          {"preset", c.init.empty() ? "vit_nano" : c.preset},
          {"image_size", c.init.empty() ? json(nullptr) : json(c.image_size)}};
}

json RowToJson(const StudyRow& row) {
  json j = {{"arm", row.arm},
            {"domain", row.domain},
            {"control", row.control.empty() ? json(nullptr) : json(row.control)},
            {"seconds", row.seconds},
            {"seconds_over_dense", row.over_dense_seconds},
            {"steps", row.steps},
            {"activation_rate", row.activation_rate},
            {"lr", row.lr}};
  const auto put = [&j](const char* key, const Figure& figure) {
    j[key] = figure.known() ? json(figure.mean) : json(nullptr);
    j["standard_error"][key] = figure.count > 1 ? json(figure.error) : json(nullptr);
    j["pairs"][key] = figure.count;
  };
  put("accuracy_dense", row.accuracy_dense);
  put("accuracy_gated", row.accuracy_gated);
  put("difference_to_dense", row.to_dense);
  put("gated_difference_to_dense", row.gated_to_dense);
  put("difference_to_random", row.to_random);
  put("gated_difference_to_random", row.gated_to_random);
  return j;
}

std::string Line(const std::vector<std::string>& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

std::string Head(const std::vector<std::string>& cells) {
  return absl::StrCat(Line(cells), Line(std::vector<std::string>(cells.size(), "---")));
}

std::string Unsigned(const Figure& figure) {
  if (!figure.known()) return "-";
  return figure.count > 1 ? absl::StrFormat("%.1f ± %.1f", figure.mean, figure.error)
                          : absl::StrFormat("%.1f", figure.mean);
}

// A table of arm × domain and the mean under a title; `cell` gives a row's text. Arms of which
// every cell is empty are left out, and the whole without any arm.
template <typename Cell>
std::string ByDomain(const std::string& title, const StudyResult& result,
                     const std::vector<StudyRow>& rows, Cell cell) {
  std::vector<std::string> heading = {"arm"}, domains;
  for (const DomainRuns& domain : result.domains) domains.push_back(domain.name);
  domains.push_back(kAllDomains);
  heading.insert(heading.end(), domains.begin(), domains.end());
  std::string table;
  for (const StudyArm& arm : result.arms) {
    std::vector<std::string> cells = {arm.arm.name};
    bool any = false;
    for (const std::string& domain : domains) {
      cells.push_back("-");
      for (const StudyRow& row : rows) {
        if (row.arm != arm.arm.name || row.domain != domain) continue;
        cells.back() = cell(row);
        any = any || cells.back() != "-";
      }
    }
    if (any) absl::StrAppend(&table, Line(cells));
  }
  return table.empty() ? "" : absl::StrCat("\n## ", title, "\n\n", Head(heading), table);
}

// What is left of an accuracy's spread over domains says nothing about the arm: no error there.
std::string AccuracyCell(const StudyRow& row, const Figure& figure) {
  if (row.domain == kAllDomains && figure.known()) return absl::StrFormat("%.1f", figure.mean);
  return Unsigned(figure);
}

std::string RunsTable(const std::vector<StudyRow>& rows) {
  std::string table = Head({"arm", "compared with", "learning rate", "seconds",
                            "seconds over dense", "steps", "activation rate"});
  for (const StudyRow& row : rows) {
    if (row.domain != kAllDomains) continue;
    absl::StrAppend(
        &table,
        Line({row.arm, row.control.empty() ? "-" : row.control, Number(row.lr),
              absl::StrFormat("%.1f", row.seconds), absl::StrFormat("%.3f", row.over_dense_seconds),
              absl::StrFormat("%.0f", row.steps), absl::StrFormat("%.3f", row.activation_rate)}));
  }
  return table;
}

std::string Setting(const StudyPlan& plan) {
  const ComparisonConfig& c = plan.runs;
  const std::string model =
      c.init.empty() ? absl::StrCat("vit_nano, pretrained densely for ", c.pretrain_steps, " steps")
                     : absl::StrCat(c.preset, " at ", c.image_size, " pixels, given weights");
  const std::string rates =
      plan.tuned()
          ? absl::StrCat("learning rate of each arm: the best of ", absl::StrJoin(plan.lrs, ", "),
                         " on seed ", kTuningSeed, ", which is not reported")
          : absl::StrCat("learning rate ", plan.lrs[0], " for every arm");
  return absl::StrFormat(
      "Model: %s. %d images of Fashion-MNIST per domain, tested on %d; %.0f measured training "
      "seconds for every run (half of them where the name ends with @0.5), its learning rate fully "
      "decayed; %d seed(s); gate after block %s, mode %s, activation rate %g; %s.\n",
      model, c.images, c.eval_images, c.seconds, plan.seeds, kGateLayer, plan.grid.mode,
      plan.grid.rate, rates);
}

}  // namespace

std::string StudyToJson(const StudyPlan& plan, const StudyResult& result) {
  json domains = json::array(), rows = json::array();
  for (const DomainRuns& domain : result.domains) {
    domains.push_back({{"name", domain.name}, {"runs", json::parse(StudyRunsToJson(domain.runs))}});
  }
  for (const StudyRow& row : MakeRows(result.arms, result.domains)) rows.push_back(RowToJson(row));
  return json{{"options", PlanToJson(plan)},
              {"domains", domains},
              {"rows", rows},
              {"verdicts", Verdicts(result.arms, result.domains)}}
      .dump(2, ' ', false, json::error_handler_t::replace);
}

std::string StudyToMarkdown(const StudyPlan& plan, const StudyResult& result) {
  const std::vector<StudyRow> rows = MakeRows(result.arms, result.domains);
  const auto section = [&](const std::string& title, auto cell) {
    return ByDomain(title, result, rows, cell);
  };
  std::string text = absl::StrCat("# Study\n\n", Setting(plan), "\n");
  for (const std::string& verdict : Verdicts(result.arms, result.domains)) {
    absl::StrAppend(&text, "- ", verdict, "\n");
  }
  absl::StrAppend(
      &text,
      section("Over dense, points, both evaluated densely",
              [](const StudyRow& r) { return SignedText(r.to_dense); }),
      section("Over random, points, both evaluated densely",
              [](const StudyRow& r) { return SignedText(r.to_random); }),
      section("Over random, points, both evaluated gated",
              [](const StudyRow& r) { return SignedText(r.gated_to_random); }),
      section("Accuracy, %, evaluated densely",
              [](const StudyRow& r) { return AccuracyCell(r, r.accuracy_dense); }),
      section("Accuracy, %, evaluated gated",
              [](const StudyRow& r) { return AccuracyCell(r, r.accuracy_gated); }),
      "\n## Runs, means over domains and seeds\n\n", RunsTable(rows),
      "\nMean ± standard error over seeds; differences are paired by seed, and in the column `",
      kAllDomains, "` by domain and seed.\n");
  return text;
}

absl::Status WriteStudy(const StudyPlan& plan, const StudyResult& result) {
  const std::filesystem::path folder(plan.runs.output);
  SLUICE_RETURN_IF_ERROR(
      WriteFileAtomically((folder / "study.json").string(), StudyToJson(plan, result)));
  SLUICE_RETURN_IF_ERROR(
      WriteFileAtomically((folder / "study.md").string(), StudyToMarkdown(plan, result)));
  const std::string title = absl::StrFormat(
      "Gates compared at %g measured training seconds, %d seed(s)", plan.runs.seconds, plan.seeds);
  return WriteFileAtomically((folder / "study.svg").string(),
                             DotChart(MakeRows(result.arms, result.domains), title));
}

}  // namespace sluice::study

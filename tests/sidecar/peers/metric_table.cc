#include "tests/sidecar/peers/metric_table.h"

#include <regex>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::sidecar::testing {
namespace {

using Matches = std::sregex_iterator;

void AddLabels(const std::string& text, const std::regex& label, std::set<std::string>& labels) {
  for (Matches it(text.begin(), text.end(), label), end; it != end; ++it) labels.insert((*it)[1]);
}

// The family that the sample `name` belongs to: a histogram's samples have longer names.
MetricFacts* FamilyOf(std::string name, MetricTable& table) {
  if (const auto found = table.find(name); found != table.end()) return &found->second;
  const auto found = table.find(name.substr(0, name.rfind('_')));
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace

MetricTable MetricsOfReadme(const std::string& text) {
  static const std::regex kRow(R"(^\| (`sluice_[^|]*) \| ([a-z]+) \|.*)");
  static const std::regex kName(R"(`([a-zA-Z0-9_:]+)(?:\{([^}]*)\})?`)");
  static const std::regex kLabel("([a-z_]+)");
  MetricTable table;
  bool is_inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("## ", 0) == 0) is_inside = line == "## Metrics";
    std::smatch row;
    if (!is_inside || !std::regex_match(line, row, kRow)) continue;
    const std::string names = row[1];
    for (Matches name(names.begin(), names.end(), kName), end; name != end; ++name) {
      MetricFacts& facts = table[(*name)[1]];
      facts.type = row[2];
      AddLabels((*name)[2], kLabel, facts.labels);
    }
  }
  return table;
}

MetricTable MetricsOfScrape(const std::string& text) {
  static const std::regex kType(R"(^# TYPE (\S+) (\S+)$)");
  static const std::regex kSample(R"(^([a-zA-Z0-9_:]+)(?:\{(.*)\})? \S+$)");
  static const std::regex kLabel(R"re((?:^|,)([a-zA-Z0-9_]+)="(?:[^"\\]|\\.)*")re");
  MetricTable table;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kType)) table[match[1]].type = match[2];
    if (!std::regex_match(line, match, kSample)) continue;
    if (MetricFacts* facts = FamilyOf(match[1], table)) {
      AddLabels(match[2], kLabel, facts->labels);
    }
  }
  for (auto& [name, facts] : table) {
    facts.labels.erase("run");
    facts.labels.erase("le");
  }
  return table;
}

std::string ReferenceOfScrape(const std::string& text) {
  static const std::regex kHelp(R"(^# HELP (\S+) (.*)$)");
  std::map<std::string, std::string> helps;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kHelp)) helps[match[1]] = match[2];
  }
  std::string table = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n";
  for (auto& [name, facts] : MetricsOfScrape(text)) {
    std::set<std::string> labels = facts.labels;
    const std::regex of_run("\n" + name + R"((_bucket|_sum|_count)?\{([^\n]*,)?run=")");
    if (std::regex_search(text, of_run)) labels.insert("run");
    absl::StrAppend(&table, "| `", name, "` | ", facts.type, " | ", absl::StrJoin(labels, ", "),
                    " | ", helps[name], " |\n");
  }
  return table;
}

}  // namespace sluice::sidecar::testing

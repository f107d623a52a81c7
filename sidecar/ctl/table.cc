#include "sidecar/ctl/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status.h"

namespace sluice::ctl {

std::string OneLine(const std::string& text) {
  std::string line = text;
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }, ' ');
  return line;
}

std::string Row(const std::vector<Column>& columns, const std::vector<std::string>& cells,
                const std::vector<size_t>& widths) {
  SLUICE_CHECK(cells.size() == columns.size() && widths.size() == columns.size());
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths[i] - std::min(widths[i], cells[i].size()), ' ');
    absl::StrAppend(&line, i == 0 ? "" : "  ", columns[i].left ? "" : pad, cells[i],
                    columns[i].left ? pad : "");
  }
  absl::StripTrailingAsciiWhitespace(&line);
  return line + "\n";
}

std::string Table(const std::vector<Column>& columns,
                  const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  std::vector<std::string> titles;
  for (size_t i = 0; i < columns.size(); ++i) {
    titles.push_back(columns[i].title);
    widths.push_back(std::max(columns[i].title.size(), columns[i].least_width));
    for (const auto& row : rows) widths[i] = std::max(widths[i], row.at(i).size());
  }
  std::string text = Row(columns, titles, widths);
  for (const auto& row : rows) text += Row(columns, row, widths);
  return text;
}

std::string KeyValues(const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t width = 0;
  for (const auto& [key, value] : pairs) width = std::max(width, key.size());
  std::string text;
  for (const auto& [key, value] : pairs) {
    absl::StrAppend(&text, key, std::string(width - key.size() + 2, ' '), value, "\n");
  }
  return text;
}

}  // namespace sluice::ctl

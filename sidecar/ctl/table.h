#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sluice::ctl {

// One column: numbers stand to the right, words to the left.
struct Column {
  std::string title;
  bool left = false;
  size_t least_width = 0;  // For rows that are printed before the widest is known.
};

// `text` without what would break a line or steer a terminal: control characters become spaces.
std::string OneLine(const std::string& text);

// Cells of one row, each as wide as `widths` says, two spaces between, none at the end. Widths
// count bytes: only the last column may hold more than ASCII.
std::string Row(const std::vector<Column>& columns, const std::vector<std::string>& cells,
                const std::vector<size_t>& widths);

// A header and rows, aligned, one per line. Every row has a cell for every column.
std::string Table(const std::vector<Column>& columns,
                  const std::vector<std::vector<std::string>>& rows);

// "key  value" per line, values aligned.
std::string KeyValues(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace sluice::ctl

#include "runtime/cli/table.hpp"

#include <algorithm>
#include <cctype>

#include "runtime/support/printable.hpp"

namespace kvern::cli {
namespace {

constexpr size_t kMaxCell = 1000;

size_t characters(const std::string &text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_numeric(const std::vector<std::vector<std::string>> &rows, size_t column) {
  return rows.size() > 1 && std::all_of(rows.begin() + 1, rows.end(), [&](const auto &row) {
           const auto &cell = row[column];
           return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell[0])) || cell[0] == '-');
         });
}

}  // namespace

std::string table(std::vector<std::vector<std::string>> rows) {
  std::string text;
  if (rows.empty()) return text;
  for (auto &row : rows)
    for (auto &cell : row) cell = cut_printable(cell, kMaxCell);
  const size_t columns = rows[0].size();
  std::vector<size_t> width(columns, 0);
  std::vector<bool> right(columns);
  for (size_t c = 0; c < columns; ++c) {
    for (const auto &row : rows) width[c] = std::max(width[c], characters(row[c]));
    right[c] = is_numeric(rows, c);
  }
  for (const auto &row : rows) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      const std::string fill(width[c] - characters(row[c]), ' ');
      line += (c ? "  " : "") + (right[c] ? fill + row[c] : row[c] + fill);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace kvern::cli

// Plain tables for terminals: columns as wide as their widest cell.
#pragma once
#include <string>
#include <vector>

namespace kvern::cli {

/// rows[0] is the heading. Cells are made printable, and cut at 1,000 bytes. Columns whose cells (but for the heading) all begin with a digit or '-' are right-aligned.
std::string table(std::vector<std::vector<std::string>> rows);

}  // namespace kvern::cli

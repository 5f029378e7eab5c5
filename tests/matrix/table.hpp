// Outcomes as cells of docs/matrix.md.
#pragma once
#include <string>
#include <vector>

#include "tests/matrix/scenarios.hpp"
#include "tests/matrix/subjects.hpp"

namespace kvern::matrix {

/// "same tokens", "same tokens, fed again", "within bound (KL 0.003)", "refused: ..."; or what is not accepted.
std::string cell(const CacheSubject &cache, const Outcome &outcome);

/// Whether such a cell is accepted of the cache.
bool is_accepted(const CacheSubject &cache, const std::string &cell);

/// Why the cache or the host refused, in one clause.
std::string reason(const std::string &message);

struct Row {
  std::string family;
  std::vector<std::string> cells;  ///< by scenario
};
struct Section {
  CacheSubject cache;
  std::vector<Row> rows;
};

std::string markdown(const std::vector<Section> &sections);

/// The text with the numbers of "KL" taken out: they depend on the processor.
std::string without_numbers(const std::string &markdown);

}  // namespace kvern::matrix

// What `kvern compare` prints: a table for terminals, the same as Markdown, or JSON with everything.
#pragma once
#include <string>
#include <vector>

#include "runtime/run/compare.hpp"

namespace kvern::cli {

/// A comparison with what was compared, as the user named it.
struct CompareReport {
  std::string model, text_file, processor, reference;
  std::vector<std::string> caches;  ///< as in comparison.caches
  int64_t context = 0, threads = 0;
  int64_t recall = 0;  ///< last tokens of each window that repeat a passage and alone are scored; 0: none
  Comparison comparison;
};

std::string compare_table(const CompareReport &report);
std::string compare_markdown(const CompareReport &report);
std::string compare_json(const CompareReport &report);

}  // namespace kvern::cli

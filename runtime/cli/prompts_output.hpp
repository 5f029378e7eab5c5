// The results of --prompts as JSON lines, in the order of the input, to standard output or to a file that a later run continues.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/prompts_file.hpp"

namespace kvern::cli {

/// Lines of the input whose results a file holds already. A last line that was half written is cut off the file. Throws Error(input) for a
/// file of other contents, or results of other lines than these.
std::vector<int64_t> finished_lines(const std::filesystem::path &file, const std::vector<PromptLine> &lines);

/// Writes each result as soon as those of all lines before it are written or given up: what is in the file is in order, whenever the
/// program ends.
class PromptsOutput {
 public:
  /// `numbers`: of the lines that are to come, in their order. Without a file: standard output. Throws Error(output) if the
  /// file exists and is not to be continued, or cannot be opened.
  PromptsOutput(std::vector<int64_t> numbers, const std::optional<std::filesystem::path> &file, bool resume);
  ~PromptsOutput();
  PromptsOutput(const PromptsOutput &) = delete;
  PromptsOutput &operator=(const PromptsOutput &) = delete;

  /// The result of a line, without its line break; nothing: it has none.
  void put(int64_t number, std::optional<std::string> result);

 private:
  void write(const std::string &line);

  std::vector<int64_t> numbers_;
  size_t next_ = 0;
  std::map<int64_t, std::optional<std::string>> held_;
  std::string name_;
  int file_ = -1;  // -1: standard output
};

}  // namespace kvern::cli

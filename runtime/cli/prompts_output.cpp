#include "runtime/cli/prompts_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <kvern/error.hpp>
#include <utility>

#include "runtime/cli/output.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string name_of(const fs::path &file) { return printable(file.string(), 400); }

const PromptLine *line_of(const std::vector<PromptLine> &lines, int64_t number) {
  const auto at = std::lower_bound(lines.begin(), lines.end(), number,
                                   [](const PromptLine &line, int64_t n) { return line.number < n; });
  return at == lines.end() || at->number != number ? nullptr : &*at;
}

/// The number of the line that a result is of.
int64_t check_result(const std::string &text, const std::string &place,
                     const std::vector<PromptLine> &lines) {
  const Json result = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool is_result = result.is_object() && result.contains("line") &&
                         result["line"].is_number_integer() && result.contains("output_ids");
  if (!is_result)
    throw Error(ErrorKind::input, place + ": not a result of --prompts: --resume continues such a file");
  const auto number = result["line"].get<int64_t>();
  const PromptLine *line = line_of(lines, number);
  const Json id = result.contains("id") ? result["id"] : Json();
  if (line == nullptr || line->id != id)
    throw Error(ErrorKind::input, place + ": a result of line " + std::to_string(number) +
                                      " of another file" +
                                      (id.is_null() ? "" : ": its id is " + printable(id.dump())));
  return number;
}

}  // namespace

std::vector<int64_t> finished_lines(const fs::path &file, const std::vector<PromptLine> &lines) {
  if (!fs::exists(file)) return {};
  const std::string text = read_file(file, ErrorKind::input);
  const size_t complete = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  std::vector<int64_t> numbers;
  size_t begin = 0;
  for (int64_t number = 1; begin < complete; ++number) {
    const size_t end = text.find('\n', begin);
    numbers.push_back(
        check_result(text.substr(begin, end - begin), name_of(file) + ":" + std::to_string(number), lines));
    begin = end + 1;
  }
  std::error_code failed;
  if (complete < text.size()) fs::resize_file(file, complete, failed);
  if (failed) throw Error(ErrorKind::output, name_of(file) + ": " + failed.message());
  return numbers;
}

PromptsOutput::PromptsOutput(std::vector<int64_t> numbers, const std::optional<fs::path> &file, bool resume)
    : numbers_(std::move(numbers)), name_(file ? name_of(*file) : "standard output") {
  if (!file) return;
  const int how = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (resume ? 0 : O_EXCL);
  file_ = ::open(file->c_str(), how, 0666);
  if (file_ >= 0) return;
  const bool exists = errno == EEXIST;
  throw Error(
      ErrorKind::output,
      name_ + ": " + (exists ? "exists; --resume continues it, or name another file" : std::strerror(errno)));
}

PromptsOutput::~PromptsOutput() {
  if (file_ >= 0) ::close(file_);
}

void PromptsOutput::put(int64_t number, std::optional<std::string> result) {
  held_.emplace(number, std::move(result));
  for (; next_ < numbers_.size(); ++next_) {
    const auto at = held_.find(numbers_[next_]);
    if (at == held_.end()) return;
    if (at->second) write(*at->second);
    held_.erase(at);
  }
}

void PromptsOutput::write(const std::string &line) {
  if (file_ < 0) return write_json(line + "\n");
  const std::string text = line + "\n";
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file_, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(ErrorKind::output, name_ + ": cannot be written: " + std::strerror(errno));
    at += static_cast<size_t>(n);
  }
}

}  // namespace kvern::cli

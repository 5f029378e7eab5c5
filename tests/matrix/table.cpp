#include "tests/matrix/table.hpp"

#include <cstdio>
#include <regex>

#include "runtime/config/option_text.hpp"

namespace kvern::matrix {
namespace {

constexpr double kRounding = 1e-6;  // KL of logits that differ by rounding alone

constexpr const char *kIntroduction = R"(# What works with what

Every cache that is built with kvern, on one small model of every family, in every way of feeding it. `tests/matrix` makes this
page and fails where it differs from what was measured (`KVERN_WRITE_MATRIX=1` writes it anew).

Each cell is measured against the model without a cache, which is fed all tokens again for each position: rows of up to 90
tokens and 12 that were generated greedily; random tokens, except those. A batch has three rows of different lengths, padded on
the left. *Chunked prefill* feeds 7 tokens at a time; *gather* repeats, drops and reorders rows; *truncate* takes another number
of tokens back in each row and goes on with others; *clone* continues both caches with different tokens; *save and load*
goes on in another cache.

- **same tokens**: the likeliest token is the same in each step, and the distributions differ by rounding.
- **same tokens, fed again**: the cache lacks the verb in that state; the host gave it all tokens again.
- **within bound (KL x)**: the mean KL divergence from the uncached model, for caches that promise a bound.
- **refused: reason**: said when the cache is opened or the verb asked for.
)";

std::string kl_text(double divergence) {
  char text[32];
  std::snprintf(text, sizeof text, "KL %.1g", divergence);
  return text;
}

void append_row(std::string &to, const std::string &first, const std::vector<std::string> &cells) {
  to += "| " + first + " |";
  for (const auto &text : cells) to += " " + text + " |";
  to += "\n";
}

}  // namespace

std::string cell(const CacheSubject &cache, const Outcome &outcome) {
  if (!outcome.refused.empty()) return "refused: " + outcome.refused;
  const double mean = outcome.mean();
  if (cache.bound == 0 && outcome.same_tokens && mean < kRounding)
    return outcome.fed_again ? "same tokens, fed again" : "same tokens";
  if (mean <= cache.bound) return "within bound (" + kl_text(mean) + ")";
  return "other tokens (" + kl_text(mean) + ")";
}

bool is_accepted(const CacheSubject &cache, const std::string &cell) {
  if (cell.starts_with("refused: ")) return cache.may_refuse;
  return cell.starts_with("same tokens") || cell.starts_with("within bound");
}

std::string reason(const std::string &message) {
  static const std::regex mark("cache '[^']*': ");
  std::string text = message;
  for (std::smatch found; std::regex_search(text, found, mark);) text = found.suffix();
  const size_t end = text.find_first_of(",;:|\n");
  return end == text.npos ? text : text.substr(0, end);
}

std::string markdown(const std::vector<Section> &sections) {
  std::string text = kIntroduction;
  for (const Section &section : sections) {
    text += "\n## " + section.cache.name + "\n\n";
    if (!section.cache.options.empty())
      text += "With `" + config::to_toml_value({section.cache.options, ""}) + "`.\n\n";
    std::vector<std::string> names, line;
    for (const Scenario &scenario : scenarios()) names.push_back(scenario.name), line.push_back("---");
    append_row(text, "family", names);
    append_row(text, "---", line);
    for (const Row &row : section.rows) append_row(text, row.family, row.cells);
  }
  return text;
}

std::string without_numbers(const std::string &markdown) {
  return std::regex_replace(markdown, std::regex("KL [0-9.e+-]+"), "KL");
}

}  // namespace kvern::matrix

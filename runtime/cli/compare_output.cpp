#include "runtime/cli/compare_output.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/cli/table.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;
using TableRows = std::vector<std::vector<std::string>>;

std::string number(const char *format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string range(const char *format, const std::optional<Interval> &i, double scale = 1, double offset = 0) {
  if (!i) return "-";
  return number(format, i->low * scale + offset) + " .. " + number(format, i->high * scale + offset);
}

std::vector<std::string> size_cells(const std::string &name, const CacheScore &s) {
  return {name, number("%.2f", s.bits), number("%.0f", s.bytes_per_token), number("%.3f", s.ms_per_token),
          number("%.3f", s.perplexity.value)};
}

std::vector<std::string> cells(const std::string &name, const CacheScore &s) {
  auto row = size_cells(name, s);
  const auto &ratio = s.perplexity_ratio;
  row.push_back(number("%.2f", ratio.value * 100 - 100));
  row.push_back(range("%.2f", ratio.interval, 100, -100));
  row.push_back(number("%.3g", s.kl.value));
  row.push_back(range("%.3g", s.kl.interval));
  row.push_back(number("%.3g", s.kl_p99));
  row.push_back(number("%.3g", s.kl_max));
  row.push_back(number("%.2f", s.agreement.value * 100));
  row.push_back(range("%.2f", s.agreement.interval, 100));
  return row;
}

std::string noise_name(const CompareReport &r) {
  return r.reference + ", " + std::to_string(r.comparison.noise.chunk) + " at a time (noise floor)";
}

TableRows rows(const CompareReport &r) {
  TableRows rows{{"cache", "bits", "bytes/token", "ms/token", "perplexity", "change %", "(95 %)", "KL mean",
                  "(95 %)", "KL p99", "KL max", "top-1 %", "(95 %)"}};
  rows.push_back(size_cells(r.reference + " (reference)", r.comparison.reference));
  rows.back().resize(rows[0].size(), "-");
  rows.push_back(cells(noise_name(r), r.comparison.noise));
  for (size_t i = 0; i < r.caches.size(); ++i) rows.push_back(cells(r.caches[i], r.comparison.caches[i]));
  return rows;
}

std::string heading(const CompareReport &r) {
  const auto &c = r.comparison;
  return r.model + " on " + r.text_file + ": " + std::to_string(c.windows) + " windows of " +
         std::to_string(r.context) + " tokens, " + std::to_string(c.scored_tokens) + " scored, " +
         std::to_string(c.reference.chunk) + " at a time" +
         (r.recall > 0 ? ", the last " + std::to_string(r.recall) + " of a window repeat a passage" : "") +
         "; " + r.processor + ", " + std::to_string(r.threads) + " threads";
}

constexpr const char *kLegend =
    "KL divergence from the reference in nats per token; change of perplexity and top-1 agreement against "
    "the "
    "reference; 95 % intervals by a bootstrap over windows; bits and bytes at the end of a window, scales "
    "and "
    "tables included";

Json estimate_json(const Estimate &e) {
  Json json{{"value", e.value}, {"low", nullptr}, {"high", nullptr}};
  if (e.interval) json["low"] = e.interval->low, json["high"] = e.interval->high;
  return json;
}

Json score_json(const std::string &name, const CacheScore &s) {
  return {{"cache", name},
          {"chunk", s.chunk},
          {"perplexity", estimate_json(s.perplexity)},
          {"perplexity_ratio", estimate_json(s.perplexity_ratio)},
          {"kl", estimate_json(s.kl)},
          {"kl_p99", s.kl_p99},
          {"kl_max", s.kl_max},
          {"kl_worst_window", s.kl_worst_window},
          {"kl_by_quarter", s.kl_by_quarter},
          {"max_logit_difference", s.max_logit_difference},
          {"top1_agreement", estimate_json(s.agreement)},
          {"ms_per_token", s.ms_per_token},
          {"bytes_per_token", s.bytes_per_token},
          {"bytes_held", s.bytes_held},
          {"effective_bits", s.bits}};
}

}  // namespace

std::string compare_table(const CompareReport &report) {
  return heading(report) + "\n\n" + table(rows(report)) + "\n" + kLegend + "\n";
}

std::string compare_markdown(const CompareReport &report) {
  std::string text = heading(report) + ".\n" + kLegend + ".\n\n";
  bool first = true;
  for (const auto &row : rows(report)) {
    for (const auto &cell : row) text += "| " + cell + " ";
    text += "|\n";
    for (size_t i = 0; first && i < row.size(); ++i) text += i ? "|---:" : "|---";
    if (std::exchange(first, false)) text += "|\n";
  }
  return text;
}

std::string compare_json(const CompareReport &r) {
  const auto &c = r.comparison;
  Json json{{"model", r.model},
            {"text_file", r.text_file},
            {"context", r.context},
            {"windows", c.windows},
            {"recall", r.recall},
            {"scored_tokens", c.scored_tokens},
            {"chunk", c.reference.chunk},
            {"processor", r.processor},
            {"threads", r.threads},
            {"reference", score_json(r.reference, c.reference)},
            {"noise_floor", score_json(r.reference, c.noise)},
            {"results", Json::array()}};
  for (size_t i = 0; i < r.caches.size(); ++i)
    json["results"].push_back(score_json(r.caches[i], c.caches[i]));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kvern::cli

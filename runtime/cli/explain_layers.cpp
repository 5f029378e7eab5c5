#include "runtime/cli/explain_layers.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/cli/table.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::ordered_json;
using Strings = std::vector<std::string>;

constexpr int64_t kDefaultTokens = 4096;
constexpr int64_t kMaxBytes = int64_t{1} << 30;  // filled at most; what lies beyond is extrapolated

int64_t length_of(const Session &session, const Cache &cache, int64_t wanted) {
  const auto generation = session.generation();
  const int64_t of_model = session.model().info().max_positions, capacity = cache.info().capacity;
  int64_t tokens = wanted;
  if (tokens == 0 && generation.is_set(option::max_length)) tokens = generation.get(option::max_length);
  if (tokens == 0 && capacity > 0) tokens = capacity;
  if (tokens == 0) tokens = of_model > 0 ? std::min(of_model, kDefaultTokens) : kDefaultTokens;
  if (capacity >= 0) tokens = std::min(tokens, capacity);
  return std::max<int64_t>(1, tokens);
}

std::string kind_text(const LayerSpec &layer) {
  switch (layer.kind) {
    case KVERN_LAYER_ATTENTION:
      return layer.window > 0 ? "window of " + std::to_string(layer.window) : "attention";
    case KVERN_LAYER_STATE:
      return "state";
    case KVERN_LAYER_CROSS:
      return "cross";
  }
  return layer.shares_layer >= 0 ? "keys of layer " + std::to_string(layer.shares_layer) : "nothing";
}

std::string per_token_text(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", bytes);
  return text;
}

Strings cells(const std::string &kind, const LayerBytes &bytes) {
  if (bytes.cache.empty()) return {kind, "-", "-", "-", "-"};
  return {kind, bytes.cache, per_token_text(bytes.used_per_token), std::to_string(bytes.used),
          std::to_string(bytes.held)};
}

Json numbers(const LayerBytes &bytes) {
  return {{"bytes_per_token", bytes.used_per_token}, {"bytes_used", bytes.used}, {"bytes_held", bytes.held}};
}

}  // namespace

LayersExplained explain_layers(const config::RunConfig &run, int64_t tokens) {
  const Session session(run);
  const int64_t expected =
      length_of(session, session.open_cache(1, tokens > 0 ? tokens : kDefaultTokens), tokens);
  auto cache = session.open_cache(1, expected);
  return {session.model_folder().string(), run.cache_implementation, cache.dtype(), cache.layers(),
          report_layers(cache, expected, kMaxBytes)};
}

std::string layers_text(const LayersExplained &e) {
  const LayerReport &report = e.report;
  const std::string at = " at " + std::to_string(report.tokens);
  std::vector<Strings> rows{{"layers", "kind", "cache", "bytes per token", "bytes used" + at, "held" + at}};
  for (size_t begin = 0, end = 0; begin < e.specs.size(); begin = end) {
    const auto same = cells(kind_text(e.specs[begin]), report.layers[begin]);
    for (end = begin + 1; end < e.specs.size() && cells(kind_text(e.specs[end]), report.layers[end]) == same;)
      ++end;
    std::string range = std::to_string(begin);
    if (end - begin > 1) range.append("-").append(std::to_string(end - 1));
    rows.push_back({std::move(range)});
    rows.back().insert(rows.back().end(), same.begin(), same.end());
  }
  rows.push_back({"all"});
  const auto all = cells("", report.all);
  rows.back().insert(rows.back().end(), all.begin(), all.end());
  std::string text = e.model + ": " + e.cache + ", " + std::string(dtype_name(e.dtype)) + ", one row of " +
                     std::to_string(report.tokens) + " tokens\n\n" + table(rows);
  if (report.measured < report.tokens)
    text += "\nmeasured up to " + std::to_string(report.measured) + " tokens, extrapolated beyond\n";
  return text;
}

std::string layers_json(const LayersExplained &e) {
  Json layers = Json::array();
  for (size_t i = 0; i < e.specs.size(); ++i) {
    Json layer{{"layer", i}, {"kind", kind_text(e.specs[i])}, {"cache", e.report.layers[i].cache}};
    layer.update(numbers(e.report.layers[i]));
    layers.push_back(std::move(layer));
  }
  const Json result{{"model", e.model},
                    {"cache", e.cache},
                    {"dtype", dtype_name(e.dtype)},
                    {"tokens", e.report.tokens},
                    {"measured_tokens", e.report.measured},
                    {"layers", std::move(layers)},
                    {"all", numbers(e.report.all)}};
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kvern::cli

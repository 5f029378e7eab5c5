// Which layer gets which cache, as text and JSON: kvern caches --explain.
#pragma once
#include <string>

#include "runtime/run/layer_report.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {

/// Opens the model of a configuration and measures its cache. `tokens`: 0 = max_length of the configuration, else what the cache
/// holds at most, else 4096 or what the model takes.
struct LayersExplained {
  std::string model, cache;
  Dtype dtype;
  std::vector<LayerSpec> specs;
  LayerReport report;
};
LayersExplained explain_layers(const config::RunConfig &run, int64_t tokens);

std::string layers_text(const LayersExplained &explained);
std::string layers_json(const LayersExplained &explained);

}  // namespace kvern::cli

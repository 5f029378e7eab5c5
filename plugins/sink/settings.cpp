#include "plugins/sink/settings.hpp"

#include <kvern/abi/positions.h>

#include <algorithm>

namespace kvern::sink {
namespace {

constexpr int64_t kMaxWindow = int64_t{1} << 30;

/// Inside the window no distance is longer than the window; a layer's own window would hide the sinks.
void require_reach(const Settings &settings, const sdk::Layers &layers, int64_t max_positions) {
  const int64_t length = settings.window_length;
  if (max_positions > 0 && length > max_positions) {
    sdk::fail(KVERN_UNSUPPORTED, "window_length = ", length, " is more than the ", max_positions,
              " positions of the model: it can be at most ", max_positions);
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const sdk::Layer &layer = layers[i];
    if (layer.kind != KVERN_LAYER_ATTENTION || layer.window == 0 || length <= layer.window) continue;
    sdk::fail(KVERN_UNSUPPORTED, "window_length = ", length, " is more than the ", layer.window,
              " positions that layer ", i, " sees: it can be at most ", layer.window,
              ", or use sliding_window for such layers");
  }
}

}  // namespace

std::vector<sdk::Option> declared_options() {
  const Settings defaults;
  return {sdk::integer_option("window_length", defaults.window_length),
          sdk::integer_option("num_sink_tokens", defaults.num_sink_tokens),
          sdk::string_option("positions", "window")};
}

Settings read_settings(const sdk::Create &create) {
  Settings settings;
  const sdk::Options &options = create.options;
  settings.absolute = options.string_of("positions", {"window", "absolute"}) == "absolute";
  settings.window_length = options.integer("window_length", 1, kMaxWindow);
  settings.num_sink_tokens = options.integer("num_sink_tokens", 0);
  if (settings.num_sink_tokens >= settings.window_length) {
    sdk::fail(KVERN_INVALID_ARGUMENT, "num_sink_tokens = ", settings.num_sink_tokens,
              " leaves no token of window_length = ", settings.window_length, ": it can be at most ",
              settings.window_length - 1);
  }
  const auto *model = create.host.extension<kvern_positions_1>(KVERN_POSITIONS_1);
  settings.counts_inside = model && !settings.absolute;
  const int64_t max_positions = model ? model->max_positions : 0;
  if (!settings.absolute) require_reach(settings, create.layers, max_positions);
  return settings;
}

}  // namespace kvern::sink

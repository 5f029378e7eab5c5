#include "plugins/sliding_window/settings.hpp"

#include <limits>

namespace kvern::sliding_window {

std::vector<sdk::Option> declared_options() {
  return {sdk::integer_option("window_length", 0), sdk::boolean_option("force", false)};
}

Settings read_settings(const sdk::Options &options) {
  Settings settings;
  if (options.is_written("window_length"))
    settings.window_length = options.integer("window_length", 1, std::numeric_limits<int32_t>::max());
  settings.force = options.boolean("force");
  return settings;
}

int64_t window_of(const Settings &settings, int number, const sdk::Layer &layer) {
  const int64_t length = settings.window_length;
  if (layer.window > 0 && (length == 0 || length >= layer.window)) return layer.window;
  if (length > 0 && settings.force) return length;
  if (layer.window > 0) {
    sdk::fail(KVERN_UNSUPPORTED, "layer ", number, " sees ", layer.window,
              " positions, window_length = ", length,
              " is another model: leave window_length out, or accept that with force = true");
  }
  sdk::fail(KVERN_UNSUPPORTED, "layer ", number,
            " sees all positions, it has no window: use dynamic, static or quantized",
            ", or set window_length and accept another model with force = true");
}

}  // namespace kvern::sliding_window

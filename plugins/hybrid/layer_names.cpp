#include "plugins/hybrid/layer_names.hpp"

namespace kvern::hybrid {

Kind kind_of(const sdk::Layer &layer) {
  switch (layer.kind) {
    case KVERN_LAYER_ATTENTION:
      return layer.window > 0 ? Kind::window : Kind::attention;
    case KVERN_LAYER_STATE:
      return Kind::state;
    case KVERN_LAYER_CROSS:
      return Kind::cross;
  }
  return Kind::none;
}

const char *name_of(Kind kind) {
  constexpr const char *names[] = {"none", "attention", "window", "state", "cross"};
  return names[static_cast<int>(kind)];
}

Kind kind_named(std::string_view name) {
  constexpr std::pair<std::string_view, Kind> names[] = {
      {"attention", Kind::attention},
      {"full_attention", Kind::attention},
      {"window", Kind::window},
      {"sliding_attention", Kind::window},
      {"state", Kind::state},
      {"mamba", Kind::state},
      {"linear_attention", Kind::state},
      {"cross", Kind::cross},
      {"cross_attention", Kind::cross},
  };
  for (const auto &[known, kind] : names)
    if (name == known) return kind;
  return Kind::none;
}

std::string list_of(std::span<const int> layers) {
  std::string text;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t end = i + 1;
    while (end < layers.size() && layers[end] == layers[end - 1] + 1) ++end;
    if (end - i < 3) end = i + 1;
    text += (text.empty() ? "" : ", ") + std::to_string(layers[i]);
    if (end > i + 1) text.append("-").append(std::to_string(layers[end - 1]));
    i = end;
  }
  return text;
}

std::string layers_text(std::span<const int> layers) {
  return (layers.size() == 1 ? "layer " : "layers ") + list_of(layers);
}

}  // namespace kvern::hybrid

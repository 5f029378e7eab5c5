// Kinds of layers, and lists of layers as messages name them.
#pragma once
#include <kvern/sdk/layers.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvern::hybrid {

namespace sdk = kvern::sdk;

enum class Kind { none, attention, window, state, cross };

Kind kind_of(const sdk::Layer &layer);

/// "attention", "window", "state", "cross".
const char *name_of(Kind kind);

/// One of those names, or transformers' for it (`layer_types` of config.json); Kind::none for any other.
Kind kind_named(std::string_view name);

/// "0-3, 7": ascending numbers, runs of three or more shortened.
std::string list_of(std::span<const int> layers);

/// "layer 2", "layers 0-3, 7".
std::string layers_text(std::span<const int> layers);

}  // namespace kvern::hybrid

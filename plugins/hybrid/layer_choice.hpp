// Which cache each layer gets: by kind, and by the entries of `cache_layers`, which come first.
#pragma once
#include <kvern/sdk/create.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/hybrid/layer_names.hpp"

namespace kvern::hybrid {

/// A cache and the layers it gets; borrowed from the options.
struct Choice {
  std::string_view cache;
  sdk::OptionItems config;
  std::vector<int> layers;  ///< ascending, not empty
  std::string chosen_by;    ///< "window", "entry 2 of cache_layers (range = 0-3)": for messages
};

std::vector<sdk::Option> declared_options();

/// Every layer that holds something is in one choice. Throws sdk::Failure, INVALID_ARGUMENT: an entry that is not understood, that
/// names a layer which the model does not have, or one that another entry names.
std::vector<Choice> choose(const sdk::Options &options, const sdk::Layers &layers);

}  // namespace kvern::hybrid

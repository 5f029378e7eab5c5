// transformers' cache classes whose layers differ, as a cache of kvern's for all layers.
#pragma once
#include <kvern/cache.hpp>
#include <optional>
#include <string>

#include "tests/reference_runner/case.hpp"

namespace kvern::reference {

struct WholeClass {
  std::string plugin;
  CacheSpec spec;
  bool has_cross =
      false;  ///< each layer of the class is one of self-attention and one of cross-attention here

  int self_layer(int layer) const { return has_cross ? 2 * layer : layer; }
  int cross_layer(int layer) const { return 2 * layer + 1; }
  int n_layers() const { return static_cast<int>(spec.layers.size()); }
};

/// The class that a case of kind cache_api replays, if its layers are in one cache.
std::optional<WholeClass> find_whole_class(const Case &c);

}  // namespace kvern::reference

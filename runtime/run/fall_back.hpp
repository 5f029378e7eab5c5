// Other caches for a generation whose cache has found no memory, each with what the one before it holds.
#pragma once
#include <functional>
#include <kvern/generation.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/run/exported_rows.hpp"

namespace kvern {

struct FallBackCache {
  std::string name;             ///< in messages
  std::function<Cache()> open;  ///< for the same model; it holds nothing
};

/// The caches in their order. What a cache holds is put aside, its memory freed, and given to the next one that takes it; where the
/// contract has no way, that one holds nothing and the tokens are fed again. `say` gets a line for each cache that takes over. If
/// none is left the error is thrown, with what was tried. The caches are opened when they are needed.
FallBack fall_back_to(std::vector<FallBackCache> caches, std::function<void(const std::string &)> say);

}  // namespace kvern

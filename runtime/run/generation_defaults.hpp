// The model maker's defaults for generation, as the loop's configuration.
#pragma once
#include <kvern/generation.hpp>

#include "runtime/files/generation_config.hpp"

namespace kvern {

/// What generation_config.json says, over kvern's own defaults (which are those of transformers).
GenerationConfig generation_defaults(const files::GenerationConfig &file);

}  // namespace kvern

// generate_kwargs of a case as kvern's configuration.
#pragma once
#include <kvern/generation.hpp>
#include <string>

#include "tests/reference_runner/case.hpp"

namespace kvern::reference {

struct GenerateOptions {
  GenerationConfig config;
  std::string cache = "dynamic";  ///< cache_implementation
};

/// The model's defaults with the case's keywords over them. Ends the case as skipped for a keyword that asks
/// for something kvern does not offer.
GenerateOptions generate_options(const Case &c);

}  // namespace kvern::reference

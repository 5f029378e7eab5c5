// generate_kwargs of a case as kvern's configuration.
#pragma once
#include <kvern/generation.hpp>
#include <kvern/options.hpp>
#include <string>

#include "tests/reference_runner/case.hpp"

namespace kvern::reference {

struct GenerateOptions {
  GenerationConfig config;
  std::string cache = "dynamic";  ///< cache_implementation
  OptionTable cache_config;       ///< as transformers names its keys, but for what names another library
};

/// A table of numbers, strings and booleans as options of a cache: without `type`, `backend` (which quantizer),
/// `device` and null.
OptionTable cache_config_of(const Json &table);

/// Those of a SinkCache: its positions are those of the text.
OptionTable sink_options(const Json &cache);

/// The model's defaults with the case's keywords over them. Ends the case as skipped for a keyword that asks
/// for something kvern does not offer.
GenerateOptions generate_options(const Case &c);

}  // namespace kvern::reference

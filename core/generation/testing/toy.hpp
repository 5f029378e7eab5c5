// Generations of the toy model through an installed cache, for tests of strategies and stopping rules.
#pragma once
#include <kvern/generation.hpp>
#include <kvern/plugin_registry.hpp>
#include <string>
#include <vector>

#include "core/generation/testing_model.hpp"
#include "tests/support/process.hpp"

namespace kvern::test {

inline Cache open_toy_cache(const Model &model, const std::string &name, int64_t max_tokens = 64) {
  CacheSpec spec;
  spec.layers = model.layers();
  spec.max_tokens = max_tokens;
  const auto found = find_plugin(name, {program("../lib/kvern/plugins")});
  return Cache::create(std::make_shared<Host>(), *found.plugin, spec);
}

inline GenerationConfig new_tokens(int64_t n) {
  GenerationConfig config;
  config.set(option::max_new_tokens, {n});
  return config;
}

inline GenerationResult generate_toy(const std::string &cache_name, const Prompt &prompt,
                                     const GenerationConfig &config, const GenerationEvents &events = {},
                                     const GenerationResources &resources = {}) {
  const ToyModel model;
  auto cache = open_toy_cache(model, cache_name);
  return generate(model, cache, prompt, config, events, resources);
}

}  // namespace kvern::test

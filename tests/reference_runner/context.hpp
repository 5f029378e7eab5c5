// What cases share: models that are loaded once, and caches made for them.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/run/open_cache.hpp"
#include "tests/reference_runner/case.hpp"

namespace kvern::reference {

struct Context {
  std::optional<std::string> cache;  ///< --cache: for every case that lets one choose
  PluginPath plugin_path;
  std::string device = "cpu";  ///< --device: where models and caches are

  /// The model in `folder`, in float32. Ends the case as skipped if its architecture is not one of kvern's.
  const Model &model(const std::filesystem::path &folder);

  /// The cache of that name (or --cache), for so many tokens (and hidden states of an encoder). Ends the case as skipped if none of that name
  /// is installed, or if the one of --cache, or any on --device, cannot hold the model. A model with an encoder has it in both halves of encoder_decoder.
  Cache open(const Model &model, const std::string &name, int64_t max_rows, int64_t max_tokens,
             const OptionTable &options = {}, int64_t max_cross = 0) const;

  /// The cache of that name, whatever --cache says.
  Cache open_named(const Model &model, const std::string &name, int64_t max_rows, int64_t max_tokens,
                   const OptionTable &options = {}, int64_t max_cross = 0) const;

  /// The name that open would take.
  std::string cache_name(const std::string &of_case) const { return cache.value_or(of_case); }

 private:
  std::map<std::string, std::unique_ptr<Model>> models_;
};

/// Does a cache keep anything between steps? Found out by a step, not by its name.
bool keeps_tokens(Cache &cache);

/// Does a cache hold its tokens in fewer bytes than their keys and values have in float32? Then it has lost something.
bool packs_tokens(const Cache &cache);

}  // namespace kvern::reference

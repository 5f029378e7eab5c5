// The configuration of a run: a TOML or JSON file, then overrides in their order, as one checked structure. Nothing
// is opened but the file itself; the cache and its options are checked later (check_options).
//
//   model = "models/demo"              # the keys of run_options()
//   dtype = "bfloat16"                 # of the weights: float32, bfloat16, float16; without it, as stored
//   cache_dtype = "float16"            # of keys and values; without it, as dtype
//   device = "cuda"                    # where the model and its caches are; without it, the CPU
//   threads = 2
//   weights.bits = 4                   # of linear layers, packed on load; without it, as stored
//   seed = 1
//   plugin_path = ["plugins"]          # folders searched first for cache plugins
//   memory_budget = "2GB"              # of all caches together; a number is bytes
//   host_memory_budget = "8GB"         # of what they keep in the host's memory
//   cache_implementation = "quantized"
//   fallback = ["paged"]               # caches that go on where it has no memory
//   assistant_model = "models/draft"   # assisted decoding
//   [cache_config]                     # the cache's own options, whatever they are
//   nbits = 4
//   [[cache_layers]]                   # another cache for some layers (cache_layers.hpp)
//   kind = "window"
//   cache_implementation = "sliding_window"
//   [prefix]                           # the beginning of every prompt; its cache is kept on disk
//   file = "system.txt"
//   [generation]                       # transformers' names
//   max_new_tokens = 100
#pragma once
#include <cstdint>
#include <filesystem>
#include <kvern/generation_options.hpp>
#include <kvern/options.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/cache_text.hpp"

namespace kvern::config {

/// The beginning of every prompt, whose cache is kept on disk.
struct PrefixConfig {
  std::optional<std::string> text;                    ///< at most one of text and file
  std::optional<std::filesystem::path> file, folder;  ///< of the text; where caches of prefixes are kept
};

/// Which weights are packed on load.
struct WeightsConfig {
  std::optional<int64_t> bits, group_size, head_bits, embedding_bits;
};

struct RunConfig {
  std::optional<std::filesystem::path> model;     ///< none: the built-in model
  std::optional<std::string> dtype, cache_dtype;  ///< "float32", "bfloat16" or "float16"
  WeightsConfig weights;
  std::string device = "cpu";  ///< where the model and its caches are: "cpu", "cuda", "cuda:1"
  std::optional<int64_t> threads;
  bool allow_beyond_context = false;  ///< no limit of positions where they are computed
  std::optional<int64_t> seed;
  std::vector<std::filesystem::path> plugin_path;
  std::optional<int64_t> memory_budget;                    ///< bytes of caches where the model computes
  std::optional<int64_t> host_memory_budget;               ///< bytes of caches in the host's memory
  std::string cache_implementation = "dynamic";            ///< a name, or a path to a library (it has a '/')
  bool check_cache = false;                                ///< check the caches while they work
  std::vector<CacheText> fallback;                         ///< caches that go on where that one has no memory
  std::optional<std::filesystem::path> assistant_model;    ///< draft model of assisted decoding
  std::string assistant_cache_implementation = "dynamic";  ///< of the draft model
  int64_t max_batch = 16;                                  ///< rows at a time of many prompts
  PrefixConfig prefix;
  bool echo_prompt = true;          ///< the text output begins with the prompt
  std::optional<int64_t> logprobs;  ///< of how many likeliest tokens beside the chosen one; none: not at all
  bool names_cache = false;         ///< the file or a flag does; else "dynamic" is the default
  OptionTable cache_config;
  OptionTable given;            ///< the values of run_options() as they were read, with their places
  GenerationConfig generation;  ///< what [generation] and flags set
};

/// One value that replaces what the file says. `key` is dotted ("cache_config.nbits"); `value.place` names
/// the flag.
struct Override {
  std::string key;
  Option value;
};

/// "KEY=VALUE" of a --set: VALUE is a TOML value, or, where it is none, a string. Throws Error(config).
Override parse_set(std::string_view text);

/// Relative paths in the file are meant from the file's own folder, or, where they do not exist there, from
/// the working directory; those of overrides from the working directory. Throws Error(config): the file is
/// absent or unreadable, is no TOML, or has an unknown key (with the nearest known), a wrong type or an
/// impossible value. `generation` declares the keys of [generation].
RunConfig load_run_config(const std::optional<std::filesystem::path> &file,
                          const std::vector<Override> &overrides, OptionDeclarations generation);

/// The same for a text, called `name` in messages; relative paths are meant from `folder`.
RunConfig parse_run_config(std::string_view text, const std::string &name,
                           const std::filesystem::path &folder, const std::vector<Override> &overrides,
                           OptionDeclarations generation);

/// The same for a tree that was read (options_file.hpp); relative paths are meant from `folder`.
RunConfig read_run_config(const OptionTable &tree, const std::filesystem::path &folder,
                          OptionDeclarations generation);

}  // namespace kvern::config

#include "runtime/run/session.hpp"

#include <malloc.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "core/torch/single_thread.hpp"
#include "devices/cpu/threads.hpp"
#include "devices/find_device.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/cache_config.hpp"
#include "runtime/run/check_cache.hpp"
#include "runtime/run/speech.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"
#include "runtime/support/share_folder.hpp"

namespace kvern {
namespace fs = std::filesystem;
namespace {

bool has_plugin(const std::string &name, const PluginPath &path) {
  try {
    find_plugin(name, path);
    return true;
  } catch (const Error &) {
    return false;
  }
}

constexpr int64_t kDefaultNewTokens = 128;  // where neither the user nor the model says how many

std::optional<Dtype> dtype_option(const std::optional<std::string> &name) {
  return name ? float_dtype_from_name(*name) : std::nullopt;
}

}  // namespace

fs::path built_in_model() {
  const fs::path folder = share_folder() / "models" / "demo";
  if (!fs::exists(folder / "config.json"))
    throw Error(ErrorKind::model,
                "the built-in model is not in " + folder.string() + ": name a model folder with --model");
  return folder;
}

FoundPlugin check_cache(const config::RunConfig &run) {
  if (run.assistant_model) find_plugin(run.assistant_cache_implementation, run.plugin_path);
  for (const auto &cache : run.fallback) check_cache(cache.name, cache.options, run.plugin_path);
  return check_cache(run.cache_implementation, run.cache_config, run.plugin_path);
}

files::GenerationFile read_generation_file(const fs::path &folder) {
  return files::read_generation_config(folder, read_model_config(folder), generation_options());
}

void take_cache_of_model(config::RunConfig &run) {
  if (run.names_cache) return;
  const fs::path folder = run.model ? *run.model : built_in_model();
  if (!is_present(folder / "generation_config.json")) return;
  const auto file = read_generation_file(folder);
  if (!file.cache_implementation || !has_plugin(*file.cache_implementation, run.plugin_path)) return;
  run.cache_implementation = *file.cache_implementation;
  if (run.cache_config.empty()) run.cache_config = file.cache_config;
}

std::vector<std::string> generation_notes(const Session &run, const GenerationConfig &config) {
  const auto &file = run.generation_file();
  auto keys = file.not_used;
  if (run.model().info().encoder == EncoderKind::audio)
    std::erase_if(keys, [](const std::string &key) {
      const auto &read = SpeechTokens::keys();
      return std::find(read.begin(), read.end(), key) != read.end();
    });
  if (!run.config().names_cache && file.cache_implementation != run.config().cache_implementation) {
    if (file.cache_implementation) keys.push_back("cache_implementation");
    if (!file.cache_config.empty()) keys.push_back("cache_config");
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> notes = warnings(config);
  if (keys.empty()) return notes;
  std::string line = file.place + ": not used:";
  for (const std::string &key : keys) line += (&key == &keys.front() ? " " : ", ") + printable(key);
  notes.insert(notes.begin(), line);
  return notes;
}

static CacheRequest request_of(const std::string &name, const OptionTable &options,
                               const config::RunConfig &run, int64_t max_rows, int64_t max_tokens) {
  CacheRequest request;
  request.implementation = name;
  const auto found = find_plugin(name, run.plugin_path);
  request.options = CacheConfig::from_dict(*found.plugin, options).without_defaults();
  request.plugin_path = run.plugin_path;
  request.dtype = dtype_option(run.cache_dtype);
  request.memory_budget = run.memory_budget.value_or(0);
  request.host_memory_budget = run.host_memory_budget.value_or(0);
  request.max_rows = max_rows;
  request.max_tokens = max_tokens;
  request.check_cache = run.check_cache;
  return request;
}

CacheRequest cache_request(const config::RunConfig &run, int64_t max_rows, int64_t max_tokens) {
  return request_of(run.cache_implementation, run.cache_config, run, max_rows, max_tokens);
}

namespace {

models::Packing packing_of(const config::WeightsConfig &config) {
  models::Packing packing;
  packing.bits = static_cast<int>(config.bits.value_or(0));
  packing.group_size = config.group_size.value_or(0);
  packing.head_bits = static_cast<int>(config.head_bits.value_or(0));
  packing.embedding_bits = static_cast<int>(config.embedding_bits.value_or(0));
  return packing;
}

void warn_beyond_context(const Model &model) {
  const int64_t most = model.info().max_positions;
  std::cerr << "kvern: warning: allow_beyond_context: "
            << (most == 0
                    ? "positions are not limited; beyond max_position_embeddings the output may degrade"
                    : "has no effect: this model has learned its " + std::to_string(most) + " positions")
            << '\n';
}

/// The device of the configuration. Throws Error(config) where it is not there, or cannot do what is asked for.
Queue &open_device(const config::RunConfig &config) {
  Queue &queue = find_device(config.device);
  if (queue.place().device_type == kDLCPU) return queue;
  if (config.check_cache)
    throw Error(ErrorKind::config, "check_cache: a cache on the device '" + config.device +
                                       "' is not checked; it should be false, or the device cpu");
  if (config.device.starts_with("cuda"))
    std::cerr << "kvern: warning: device '" << config.device
              << "': the CUDA library is compiled for sm_80 and sm_90. Its kernels are checked on a CPU "
                 "emulation, its "
                 "stream logic on a simulated device. It has not been run on a GPU; no speed is claimed.\n";
  return queue;
}

}  // namespace

Session::Session(config::RunConfig config) : config_(std::move(config)) {
  keep_torch_single_threaded();
  const std::string warning = set_threads(config_.threads.value_or(0));
  if (!warning.empty()) std::cerr << "kvern: warning: " << warning << '\n';
  folder_ = config_.model ? *config_.model : built_in_model();
  generation_file_ = read_generation_file(folder_);
  generation_ = resolve_generation(config_, generation_file_.options);
  constraints_.emplace(generation_);
  LoadOptions options;
  options.dtype = dtype_option(config_.dtype);
  options.allow_beyond_context = config_.allow_beyond_context;
  options.packing = packing_of(config_.weights);
  options.queue = &open_device(config_);
  model_ = load_model(folder_, options);
  if (config_.assistant_model) assistant_ = load_model(*config_.assistant_model, options);
  if (config_.allow_beyond_context) warn_beyond_context(*model_);
  if (Tokenizer::exists(folder_)) tokenizer_ = Tokenizer::load(folder_);
  if (tokenizer_ && constraints_->restricts()) tokenizer_ = tokenizer_->keeping_spaces();
  malloc_trim(0);  // what reading the files took would stay resident in the heap for good
}

GenerationConfig resolve_generation(const config::RunConfig &run, const GenerationConfig &of_model) {
  GenerationConfig result;
  if (!of_model.is_set(option::max_new_tokens) && !of_model.is_set(option::max_length))
    result.set(option::max_new_tokens, to_option(kDefaultNewTokens), OptionSource::built_in);
  result.merge(of_model, generation_options());
  result.merge(run.generation, generation_options());
  if (run.seed) result.seed = static_cast<uint64_t>(*run.seed);
  return result;
}

std::unique_ptr<TokenConstraint> Session::constraint() const {
  return tokenizer_ ? constraints_->make(*tokenizer_, model_->info().vocab_size) : nullptr;
}

Cache Session::open_assistant_cache(int64_t max_tokens) const {
  CacheRequest request;
  request.implementation = config_.assistant_cache_implementation;
  request.plugin_path = config_.plugin_path;
  request.max_rows = 1;
  request.check_cache = config_.check_cache;
  const int64_t limit = assistant_->info().max_positions;
  request.max_tokens = limit > 0 ? std::min(max_tokens, limit) : max_tokens;
  return kvern::open_cache(*assistant_, request);
}

Cache Session::open_cache(int64_t max_rows, int64_t max_tokens, int64_t max_cross) const {
  const int64_t limit = model_->info().max_positions;
  if (limit > 0) max_tokens = std::min(max_tokens, limit);
  CacheRequest request = cache_request(config_, max_rows, max_tokens);
  request.max_cross = max_cross;
  return kvern::open_cache(*model_, request);
}

FallBack Session::fall_back(int64_t max_rows, int64_t max_tokens, int64_t max_cross) const {
  const int64_t limit = model_->info().max_positions;
  if (limit > 0) max_tokens = std::min(max_tokens, limit);
  std::vector<FallBackCache> caches;
  for (const auto &cache : config_.fallback) {
    CacheRequest request = request_of(cache.name, cache.options, config_, max_rows, max_tokens);
    request.max_cross = max_cross;
    caches.push_back({cache.name, [this, request] { return kvern::open_cache(*model_, request); }});
  }
  return fall_back_to(std::move(caches), [](const std::string &line) {
    std::cerr << "kvern: warning: " + printable(line, 900) + "\n";
  });
}

}  // namespace kvern

#include "runtime/run/run.hpp"

#include <malloc.h>

#include <utility>

#include "core/torch/torch.hpp"
#include "devices/cpu/threads.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/generation_defaults.hpp"

namespace kvern {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kDefaultNewTokens = 128;  // where neither the user nor the model says how many

std::optional<Dtype> dtype_option(const std::optional<std::string> &name) {
  return name ? float_dtype_from_name(*name) : std::nullopt;
}

template <class To, class From>
void take(To &to, const std::optional<From> &from) {
  if (from) to = *from;
}

void apply(const config::GenerationOptions &options, GenerationConfig &to) {
  take(to.do_sample, options.do_sample);
  take(to.use_cache, options.use_cache);
  take(to.temperature, options.temperature);
  take(to.top_k, options.top_k);
  take(to.top_p, options.top_p);
  take(to.min_p, options.min_p);
  take(to.repetition_penalty, options.repetition_penalty);
  take(to.num_return_sequences, options.num_return_sequences);
  take(to.eos_token_id, options.eos_token_id);
  take(to.pad_token_id, options.pad_token_id);
  take(to.prefill_chunk_size, options.prefill_chunk_size);
  if (options.max_length) {
    to.max_length = *options.max_length;
    to.max_new_tokens.reset();
  }
  take(to.max_new_tokens, options.max_new_tokens);
}

}  // namespace

fs::path built_in_model() {
  const fs::path program = fs::read_symlink("/proc/self/exe");
  const fs::path folder = program.parent_path().parent_path() / "share" / "kvern" / "models" / "demo";
  if (!fs::exists(folder / "config.json"))
    throw Error(ErrorKind::model,
                "the built-in model is not in " + folder.string() + ": name a model folder with --model");
  return folder;
}

FoundPlugin check_cache(const config::RunConfig &run) {
  auto found = find_plugin(run.cache_implementation, run.plugin_path);
  check_options(*found.plugin, run.cache_config);
  return found;
}

CacheRequest cache_request(const config::RunConfig &run, int64_t max_rows, int64_t max_tokens) {
  CacheRequest request;
  request.implementation = run.cache_implementation;
  request.options = run.cache_config;
  request.plugin_path = run.plugin_path;
  request.dtype = dtype_option(run.cache_dtype);
  request.memory_budget = run.memory_budget.value_or(0);
  request.max_rows = max_rows;
  request.max_tokens = max_tokens;
  return request;
}

Run::Run(config::RunConfig config) : config_(std::move(config)) {
  set_threads(static_cast<int>(config_.threads.value_or(0)));
  at::set_num_threads(1);  // its operators see a few rows of logits; its thread pool is never started
  folder_ = config_.model ? *config_.model : built_in_model();
  LoadOptions options;
  options.dtype = dtype_option(config_.dtype);
  model_ = load_model(folder_, options);
  if (Tokenizer::exists(folder_)) tokenizer_ = Tokenizer::load(folder_);
  malloc_trim(0);  // what reading the files took would stay resident in the heap for good
}

GenerationConfig Run::generation() const {
  const auto file = files::read_generation_config(folder_, files::ModelConfig::read(folder_));
  auto result = generation_defaults(file);
  if (!file.max_new_tokens && !file.max_length) result.max_new_tokens = kDefaultNewTokens;
  apply(config_.generation, result);
  if (config_.seed) result.seed = static_cast<uint64_t>(*config_.seed);
  return result;
}

Cache Run::open_cache(int64_t max_rows, int64_t max_tokens) const {
  return kvern::open_cache(*model_, cache_request(config_, max_rows, max_tokens));
}

}  // namespace kvern

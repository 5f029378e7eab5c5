// The options of generation itself, and the list of all that its processors, stopping rules and strategies declare.
#include <algorithm>
#include <kvern/generation.hpp>

#include "core/generation/processors.hpp"
#include "core/generation/stopping.hpp"
#include "core/generation/strategies.hpp"

namespace kvern {

namespace option {

extern constinit const GenerationOption<bool> do_sample{
    {.name = "do_sample",
     .default_value = false,
     .help = "draw tokens by their probability; else take the most likely one",
     .source = "transformers"}};

extern constinit const GenerationOption<int64_t> num_return_sequences{
    {.name = "num_return_sequences",
     .default_value = int64_t{1},
     .range = {.min = 1},
     .help = "sequences to generate for each prompt",
     .source = "transformers"}};

extern constinit const GenerationOption<bool> use_cache{
    {.name = "use_cache",
     .default_value = true,
     .help = "false: each step recomputes the whole sequence",
     .source = "transformers"}};

extern constinit const GenerationOption<std::optional<int64_t>> pad_token_id{
    {.name = "pad_token_id",
     .range = {.min = 0},
     .help = "fills sequences that have ended; the first eos_token_id where it is not set",
     .source = "transformers"}};

extern constinit const GenerationOption<std::optional<int64_t>> bos_token_id{
    {.name = "bos_token_id",
     .range = {.min = 0},
     .help = "begins an empty prompt",
     .source = "transformers"}};

extern constinit const GenerationOption<std::optional<int64_t>> decoder_start_token_id{
    {.name = "decoder_start_token_id",
     .range = {.min = 0},
     .help = "begins the prompt of a decoder behind an encoder; bos_token_id where it is not set",
     .source = "transformers"}};

extern constinit const GenerationOption<int64_t> prefill_chunk_size{
    {.name = "prefill_chunk_size",
     .default_value = int64_t{0},
     .range = {.min = 0},
     .help = "feed prompts in chunks of so many tokens; 0 = whole",
     .source = "transformers"}};

}  // namespace option

namespace {

constexpr const OptionDeclaration *kOwn[] = {
    &option::do_sample,          &option::num_return_sequences, &option::use_cache,
    &option::pad_token_id,       &option::bos_token_id,         &option::decoder_start_token_id,
    &option::prefill_chunk_size,
};

std::vector<const OptionDeclaration *> collect() {
  std::vector<const OptionDeclaration *> all(std::begin(kOwn), std::end(kOwn));
  for (const auto *entry : processors()) all.insert(all.end(), entry->options.begin(), entry->options.end());
  for (const auto *entry : stopping_rules())
    all.insert(all.end(), entry->options.begin(), entry->options.end());
  for (const auto *entry : strategies()) all.insert(all.end(), entry->options.begin(), entry->options.end());
  std::sort(all.begin(), all.end(), [](auto *a, auto *b) { return a->name < b->name; });
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

OptionDeclarations generation_options() {
  static const std::vector<const OptionDeclaration *> all = collect();
  return all;
}

void set_option(GenerationConfig &config, std::string_view name, const Option &value, OptionSource source) {
  const OptionDeclaration *declaration = find_option(generation_options(), name);
  if (declaration == nullptr) {
    std::vector<std::string> names;
    for (const auto *d : generation_options()) names.emplace_back(d->name);
    throw Error(ErrorKind::config,
                "unknown option '" + std::string(name) + "'" + did_you_mean(std::string(name), names));
  }
  if (const auto wrong = type_mismatch(*declaration, value))
    throw Error(ErrorKind::config, std::string(name) + ": expected " + wrong->required);
  config.set(*declaration, value, source);
}

}  // namespace kvern

#include "runtime/config/run_options.hpp"

#include <algorithm>
#include <array>
#include <kvern/error.hpp>

#include "runtime/config/byte_size.hpp"
#include "runtime/config/cache_text.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

namespace fs = std::filesystem;

constexpr double kMaxThreads = 1024, kMaxLogprobs = 100;

constexpr std::array<std::pair<const char *, const char *>, 10> kDtypes{{{"float32", "float32"},
                                                                         {"f32", "float32"},
                                                                         {"fp32", "float32"},
                                                                         {"bfloat16", "bfloat16"},
                                                                         {"bf16", "bfloat16"},
                                                                         {"float16", "float16"},
                                                                         {"f16", "float16"},
                                                                         {"fp16", "float16"},
                                                                         {"half", "float16"},
                                                                         {"float", "float32"}}};

std::string text_of(TableReader &reader, const char *key, const Option &value) {
  const auto &text = std::get<std::string>(value.value);
  if (text.empty()) reader.fail(key, "is an empty string");
  return text;
}

fs::path resolve(const std::string &path, const Option &option, const fs::path &folder) {
  const fs::path given(path);
  if (given.is_absolute() || is_of_command_line(option)) return given;
  std::error_code ignored;
  return fs::exists(folder / given, ignored) ? folder / given : given;
}

Option absolute_option(const fs::path &path) { return {fs::absolute(path).lexically_normal().string(), ""}; }

void store_model(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  to.model = resolve(text_of(reader, "model", value), value, folder);
}
std::optional<Option> get_model(const RunConfig &config) {
  return config.model ? std::optional(absolute_option(*config.model)) : std::nullopt;
}

void read_dtype(TableReader &reader, const char *key, const Option &value, std::optional<std::string> &to) {
  const std::string name = text_of(reader, key, value);
  for (const auto &[known, meaning] : kDtypes)
    if (name == known) to = meaning;
  if (!to)
    reader.fail(key, "the type " + in_quotes(name) + " is unknown; known are float32, bfloat16, float16" +
                         did_you_mean(name, {"float32", "bfloat16", "float16"}));
}
std::optional<Option> text_option(const std::optional<std::string> &text) {
  return text ? std::optional<Option>({*text, ""}) : std::nullopt;
}

void store_dtype(TableReader &reader, const Option &value, const fs::path &, RunConfig &to) {
  read_dtype(reader, "dtype", value, to.dtype);
}
std::optional<Option> get_dtype(const RunConfig &config) { return text_option(config.dtype); }

void store_cache_dtype(TableReader &reader, const Option &value, const fs::path &, RunConfig &to) {
  read_dtype(reader, "cache_dtype", value, to.cache_dtype);
}
std::optional<Option> get_cache_dtype(const RunConfig &config) { return text_option(config.cache_dtype); }

std::optional<Option> integer_option(const std::optional<int64_t> &value) {
  return value ? std::optional<Option>({*value, ""}) : std::nullopt;
}

void store_device(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.device = std::get<std::string>(value.value);
}
std::optional<Option> get_device(const RunConfig &config) { return Option{config.device, ""}; }

void store_threads(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.threads = std::get<int64_t>(value.value);
}
std::optional<Option> get_threads(const RunConfig &config) { return integer_option(config.threads); }

void store_allow_beyond_context(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.allow_beyond_context = std::get<bool>(value.value);
}
std::optional<Option> get_allow_beyond_context(const RunConfig &config) {
  return Option{config.allow_beyond_context, ""};
}

bool is_weight_bits(const Option &value) {
  const auto *bits = std::get_if<int64_t>(&value.value);
  return bits != nullptr && (*bits == 8 || *bits == 4);
}
bool is_head_bits(const Option &value) {
  const auto *bits = std::get_if<int64_t>(&value.value);
  return bits != nullptr && (*bits == 16 || *bits == 8 || *bits == 4);
}
bool is_group_size(const Option &value) {
  const auto *size = std::get_if<int64_t>(&value.value);
  return size != nullptr && *size > 0 && *size % 32 == 0;
}
template <auto Member>
void store_weights(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.weights.*Member = std::get<int64_t>(value.value);
}
template <auto Member>
std::optional<Option> get_weights(const RunConfig &config) {
  return integer_option(config.weights.*Member);
}

void store_seed(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.seed = std::get<int64_t>(value.value);
}
std::optional<Option> get_seed(const RunConfig &config) { return integer_option(config.seed); }

void store_plugin_path(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  const auto *list = std::get_if<OptionArray>(&value.value);
  to.plugin_path.clear();
  for (const Option &item : list != nullptr ? *list : OptionArray{value})
    to.plugin_path.push_back(resolve(text_of(reader, "plugin_path", item), item, folder));
}
std::optional<Option> get_plugin_path(const RunConfig &config) {
  OptionArray list;
  for (const auto &folder : config.plugin_path) list.push_back(absolute_option(folder));
  return Option{std::move(list), ""};
}

std::optional<int64_t> bytes_of(const Option &value) {
  if (const auto *bytes = std::get_if<int64_t>(&value.value))
    return *bytes > 0 ? std::optional(*bytes) : std::nullopt;
  const auto *text = std::get_if<std::string>(&value.value);
  return text != nullptr ? parse_byte_size(*text) : std::nullopt;
}
bool is_memory_budget(const Option &value) { return bytes_of(value).has_value(); }
void store_memory_budget(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.memory_budget = bytes_of(value);
}
std::optional<Option> get_memory_budget(const RunConfig &config) {
  return integer_option(config.memory_budget);
}

void store_host_memory_budget(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.host_memory_budget = bytes_of(value);
}
std::optional<Option> get_host_memory_budget(const RunConfig &config) {
  return integer_option(config.host_memory_budget);
}

// A name, or, with a '/' in it, a path to a library.
bool is_path(const std::string &cache) { return cache.find('/') != std::string::npos; }
void store_cache(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  const std::string name = text_of(reader, "cache_implementation", value);
  to.cache_implementation = is_path(name) ? resolve(name, value, folder).string() : name;
  to.names_cache = true;
}
std::optional<Option> get_cache(const RunConfig &config) {
  const std::string &name = config.cache_implementation;
  return is_path(name) ? absolute_option(name) : Option{name, ""};
}

std::vector<std::string> texts_of(TableReader &reader, const char *key, const Option &value) {
  const auto *list = std::get_if<OptionArray>(&value.value);
  std::vector<std::string> texts;
  for (const Option &item : list != nullptr ? *list : OptionArray{value})
    texts.push_back(text_of(reader, key, item));
  return texts;
}

void store_check_cache(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.check_cache = std::get<bool>(value.value);
}
std::optional<Option> get_check_cache(const RunConfig &config) { return Option{config.check_cache, ""}; }

void store_fallback(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  to.fallback.clear();
  for (const std::string &text : texts_of(reader, "fallback", value)) {
    CacheText cache = parse_cache_text(text, (value.place.empty() ? "" : value.place + ": ") + "fallback");
    if (is_path(cache.name)) cache.name = resolve(cache.name, value, folder).string();
    to.fallback.push_back(std::move(cache));
  }
}
std::optional<Option> get_fallback(const RunConfig &config) {
  OptionArray list;
  for (const CacheText &cache : config.fallback) {
    const std::string name =
        is_path(cache.name) ? fs::absolute(cache.name).lexically_normal().string() : cache.name;
    list.push_back({cache.options.empty() ? name : name + to_toml_value({cache.options, ""}), ""});
  }
  return Option{std::move(list), ""};
}

void store_assistant_model(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  to.assistant_model = resolve(text_of(reader, "assistant_model", value), value, folder);
}
std::optional<Option> get_assistant_model(const RunConfig &config) {
  return config.assistant_model ? std::optional(absolute_option(*config.assistant_model)) : std::nullopt;
}

void store_assistant_cache(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  const std::string name = text_of(reader, "assistant_cache_implementation", value);
  to.assistant_cache_implementation = is_path(name) ? resolve(name, value, folder).string() : name;
}
std::optional<Option> get_assistant_cache(const RunConfig &config) {
  const std::string &name = config.assistant_cache_implementation;
  return is_path(name) ? absolute_option(name) : Option{name, ""};
}

void store_max_batch(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.max_batch = std::get<int64_t>(value.value);
}
std::optional<Option> get_max_batch(const RunConfig &config) { return Option{config.max_batch, ""}; }

void require_one_prefix(TableReader &reader, const RunConfig &config, const char *key) {
  if (config.prefix.text && config.prefix.file)
    reader.fail(key, "prefix.text and prefix.file: only one can be given");
}
void store_prefix_file(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  to.prefix.file = resolve(text_of(reader, "file", value), value, folder);
  require_one_prefix(reader, to, "file");
}
std::optional<Option> get_prefix_file(const RunConfig &config) {
  return config.prefix.file ? std::optional(absolute_option(*config.prefix.file)) : std::nullopt;
}
void store_prefix_text(TableReader &reader, const Option &value, const fs::path &, RunConfig &to) {
  to.prefix.text = text_of(reader, "text", value);
  require_one_prefix(reader, to, "text");
}
std::optional<Option> get_prefix_text(const RunConfig &config) { return text_option(config.prefix.text); }
void store_prefix_folder(TableReader &reader, const Option &value, const fs::path &folder, RunConfig &to) {
  const fs::path given = text_of(reader, "folder", value);  // it may not be there yet
  to.prefix.folder = given.is_absolute() || is_of_command_line(value) ? given : folder / given;
}
std::optional<Option> get_prefix_folder(const RunConfig &config) {
  return config.prefix.folder ? std::optional(absolute_option(*config.prefix.folder)) : std::nullopt;
}

void store_echo_prompt(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.echo_prompt = std::get<bool>(value.value);
}
std::optional<Option> get_echo_prompt(const RunConfig &config) { return Option{config.echo_prompt, ""}; }

void store_logprobs(TableReader &, const Option &value, const fs::path &, RunConfig &to) {
  to.logprobs = std::get<int64_t>(value.value);
}
std::optional<Option> get_logprobs(const RunConfig &config) { return integer_option(config.logprobs); }

constexpr RunOption kOptions[] = {
    {.declared = {.name = "model",
                  .help = "a Hugging Face model folder; without it the built-in model",
                  .type = OptionType::text},
     .flag = "model",
     .value_name = "DIR",
     .store = store_model,
     .get = get_model},
    {.declared = {.name = "dtype",
                  .help = "type of the weights: float32, bfloat16 or float16; without it as stored",
                  .type = OptionType::text},
     .flag = "dtype",
     .value_name = "T",
     .store = store_dtype,
     .get = get_dtype},
    {.declared = {.name = "weights.bits",
                  .help = "pack linear layers on load: 8 or 4 bits (weights.md); without it as stored",
                  .accepts = is_weight_bits,
                  .form = "8 or 4",
                  .type = OptionType::tree},
     .flag = "weights-bits",
     .value_name = "8|4",
     .store = store_weights<&WeightsConfig::bits>,
     .get = get_weights<&WeightsConfig::bits>},
    {.declared = {.name = "weights.group_size",
                  .help = "inputs of a packed layer that share a scale; it divides them all; without it 32",
                  .accepts = is_group_size,
                  .form = "a multiple of 32",
                  .type = OptionType::tree},
     .flag = "weights-group-size",
     .value_name = "N",
     .store = store_weights<&WeightsConfig::group_size>,
     .get = get_weights<&WeightsConfig::group_size>},
    {.declared =
         {.name = "weights.head_bits",
          .help =
              "bits of the matrix that makes logits, 16: as stored; without it 8 where weights.bits is given",
          .accepts = is_head_bits,
          .form = "16, 8 or 4",
          .type = OptionType::tree},
     .flag = "weights-head-bits",
     .value_name = "16|8|4",
     .store = store_weights<&WeightsConfig::head_bits>,
     .get = get_weights<&WeightsConfig::head_bits>},
    {.declared = {.name = "weights.embedding_bits",
                  .help = "bits of the table of token embeddings, 16: as stored; without it that of a tied "
                          "head of 8 bits, else 16",
                  .accepts = is_head_bits,
                  .form = "16, 8 or 4",
                  .type = OptionType::tree},
     .flag = "weights-embedding-bits",
     .value_name = "16|8|4",
     .store = store_weights<&WeightsConfig::embedding_bits>,
     .get = get_weights<&WeightsConfig::embedding_bits>},
    {.declared = {.name = "cache_dtype",
                  .help =
                      "type of keys and values: float32, bfloat16 or float16; without it that of the weights",
                  .type = OptionType::text},
     .flag = "cache-dtype",
     .value_name = "T",
     .store = store_cache_dtype,
     .get = get_cache_dtype},
    {.declared = {.name = "device",
                  .default_value = std::string_view("cpu"),
                  .help = "where the model and its caches are: cpu, cuda or cuda:1; no GPU has run it yet "
                          "(docs/devices.md)",
                  .type = OptionType::text},
     .flag = "device",
     .value_name = "NAME",
     .store = store_device,
     .get = get_device},
    {.declared = {.name = "threads",
                  .range = {.min = 1, .max = kMaxThreads},
                  .help = "number of compute threads; without it one per processor",
                  .type = OptionType::integer},
     .flag = "threads",
     .value_name = "N",
     .store = store_threads,
     .get = get_threads},
    {.declared = {.name = "allow_beyond_context",
                  .default_value = false,
                  .help = "take more positions than the model was made for; never where it has learned them",
                  .type = OptionType::boolean},
     .flag = "allow-beyond-context",
     .value_name = "true|false",
     .store = store_allow_beyond_context,
     .get = get_allow_beyond_context},
    {.declared = {.name = "plugin_path",
                  .help = "folders that are searched first for cache plugins",
                  .type = OptionType::texts},
     .flag = "plugin-path",
     .value_name = "DIR",
     .store = store_plugin_path,
     .get = get_plugin_path},
    {.declared = {.name = "memory_budget",
                  .help = "memory limit of all caches together, as \"512MB\" or \"2GiB\"; a number is bytes; "
                          "by default the "
                          "machine's memory, or what its cgroups allow",
                  .accepts = is_memory_budget,
                  .form = "bytes or an amount like \"2GB\" or \"512MiB\"",
                  .type = OptionType::tree},
     .flag = "memory-budget",
     .value_name = "SIZE",
     .store = store_memory_budget,
     .get = get_memory_budget},
    {.declared = {.name = "host_memory_budget",
                  .help = "memory limit of what caches keep in the host's memory, as `offloaded` does; on a "
                          "CPU, where that is all of it, the smaller of both limits holds",
                  .accepts = is_memory_budget,
                  .form = "bytes or an amount like \"2GB\" or \"512MiB\"",
                  .type = OptionType::tree},
     .flag = "host-memory-budget",
     .value_name = "SIZE",
     .store = store_host_memory_budget,
     .get = get_host_memory_budget},
    {.declared = {.name = "cache_implementation",
                  .default_value = std::string_view("dynamic"),
                  .help = "name of a cache plugin, as listed by `kvern caches`, or a path to one",
                  .source = "transformers",
                  .type = OptionType::text},
     .flag = "cache",
     .value_name = "NAME",
     .group = FlagGroup::cache,
     .store = store_cache,
     .get = get_cache},
    {.declared = {.name = "check_cache",
                  .default_value = false,
                  .help = "check what the cache does while it works, and end where it is wrong; slow",
                  .type = OptionType::boolean},
     .flag = "check-cache",
     .value_name = "true|false",
     .group = FlagGroup::cache,
     .store = store_check_cache,
     .get = get_check_cache},
    {.declared = {.name = "fallback",
                  .help = "caches that go on, in this order, where the cache finds no memory; as "
                          "\"paged\" or \"quantized{nbits = 4}\"",
                  .type = OptionType::texts},
     .flag = "fallback",
     .value_name = "NAME",
     .group = FlagGroup::generation,
     .store = store_fallback,
     .get = get_fallback},
    {.declared = {.name = "max_batch",
                  .default_value = int64_t{16},
                  .range = {.min = 1, .max = 65536},
                  .help = "prompts of --prompts that run at a time, at most",
                  .type = OptionType::integer},
     .flag = "max-batch",
     .value_name = "N",
     .group = FlagGroup::generation,
     .store = store_max_batch,
     .get = get_max_batch},
    {.declared = {.name = "prefix.file",
                  .help =
                      "a file with the beginning of every prompt; its cache is kept on disk for later runs",
                  .type = OptionType::text},
     .flag = "prefix-file",
     .value_name = "FILE",
     .group = FlagGroup::generation,
     .store = store_prefix_file,
     .get = get_prefix_file},
    {.declared = {.name = "prefix.text",
                  .help = "the beginning of every prompt as a text",
                  .type = OptionType::text},
     .flag = "prefix-text",
     .value_name = "TEXT",
     .group = FlagGroup::generation,
     .store = store_prefix_text,
     .get = get_prefix_text},
    {.declared = {.name = "prefix.folder",
                  .help =
                      "where caches of prefixes are kept; without it kvern/prefixes in $XDG_CACHE_HOME or "
                      "~/.cache",
                  .type = OptionType::text},
     .flag = "prefix-folder",
     .value_name = "DIR",
     .group = FlagGroup::generation,
     .store = store_prefix_folder,
     .get = get_prefix_folder},
    {.declared =
         {.name = "assistant_model",
          .help =
              "a draft model folder: assisted decoding tries its tokens; the same vocabulary as the model's",
          .source = "transformers",
          .type = OptionType::text},
     .flag = "assistant-model",
     .value_name = "DIR",
     .group = FlagGroup::generation,
     .store = store_assistant_model,
     .get = get_assistant_model},
    {.declared = {.name = "assistant_cache_implementation",
                  .default_value = std::string_view("dynamic"),
                  .help = "cache plugin of the draft model",
                  .type = OptionType::text},
     .flag = "assistant-cache",
     .value_name = "NAME",
     .group = FlagGroup::generation,
     .store = store_assistant_cache,
     .get = get_assistant_cache},
    {.declared = {.name = "echo_prompt",
                  .default_value = true,
                  .help = "begin the text output with the prompt; JSON has it apart",
                  .type = OptionType::boolean},
     .flag = "echo-prompt",
     .value_name = "true|false",
     .group = FlagGroup::generation,
     .store = store_echo_prompt,
     .get = get_echo_prompt},
    {.declared =
         {.name = "logprobs",
          .range = {.min = 0, .max = kMaxLogprobs},
          .help = "in the JSON result, the log-probability of each token and of so many of the likeliest; "
                  "without it none",
          .type = OptionType::integer},
     .flag = "logprobs",
     .value_name = "N",
     .group = FlagGroup::generation,
     .store = store_logprobs,
     .get = get_logprobs},
    {.declared = {.name = "seed",
                  .range = {.min = 0},
                  .help = "seed of sampling; without it every run draws anew",
                  .type = OptionType::integer},
     .flag = "seed",
     .value_name = "N",
     .group = FlagGroup::generation,
     .store = store_seed,
     .get = get_seed},
};

}  // namespace

std::span<const RunOption> run_options() { return kOptions; }

bool is_of_command_line(const Option &value) { return value.place.starts_with("--"); }

std::string default_text(const OptionDeclaration &declared) {
  const auto value = default_of(declared);
  return value ? to_toml_value(*value) : "";
}

}  // namespace kvern::config

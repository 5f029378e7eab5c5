#include "runtime/run/prefix.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "core/generation/driver.hpp"
#include "core/torch/torch.hpp"
#include "kernels/cpu_capability.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/run/cache_config.hpp"
#include "runtime/support/block_sum.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

void warn(const std::string &line) { std::cerr << "kvern: warning: " + printable(line, 900) + "\n"; }

std::string number(uint64_t sum) { return std::to_string(sum); }

uint64_t sum_of(std::string_view bytes, uint64_t seed) {
  return block_sum(reinterpret_cast<const std::byte *>(bytes.data()), bytes.size(), seed);
}

/// Size, time of change, and some pages of a file: all of the weights would take as long to read as the prefix to compute.
uint64_t file_sum(const fs::path &path, uint64_t seed) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return seed;
  const auto size = static_cast<uint64_t>(status.st_size);
  seed = sum_of(path.filename().string() + " " + number(size) + " " + std::to_string(status.st_mtim.tv_sec) +
                    "." + std::to_string(status.st_mtim.tv_nsec),
                seed);
  constexpr uint64_t kPage = 4096, kPages = 64;
  const RegularFile file(path, ErrorKind::model);
  std::string page(kPage, '\0');
  for (uint64_t i = 0; i < kPages; ++i) {
    const uint64_t offset = size / kPages * i;
    const auto n = ::pread(file.descriptor(), page.data(), page.size(), static_cast<off_t>(offset));
    if (n > 0) seed = sum_of(std::string_view(page).substr(0, static_cast<size_t>(n)), seed);
  }
  return seed;
}

std::string model_sum(const fs::path &folder) {
  std::vector<fs::path> files;
  for (const auto &entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors" || entry.path().filename() == "config.json")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  uint64_t sum = 0;
  for (const fs::path &file : files) sum = file_sum(file, sum);
  return number(sum);
}

std::string plugin_text(const config::RunConfig &run) {
  const auto found = find_plugin(run.cache_implementation, run.plugin_path);
  std::error_code ignored;
  return std::string(found.plugin->name) + " " + found.plugin->version + ", " +
         std::to_string(fs::file_size(found.path, ignored)) + " bytes";
}

std::string prefix_text(const Session &run) {
  const auto &prefix = run.config().prefix;
  return prefix.text ? *prefix.text : read_file(*prefix.file, ErrorKind::input);
}

/// Its first words, for `kvern prefix list`.
std::string beginning(const Session &run, const std::vector<int64_t> &ids) {
  if (run.tokenizer() == nullptr) return "";
  const std::vector<int64_t> first(ids.begin(),
                                   ids.begin() + std::min<int64_t>(24, static_cast<int64_t>(ids.size())));
  return printable(run.tokenizer()->text(first, /*skip_special_tokens=*/true), 80);
}

void compute(const Session &run, Cache &cache, const std::vector<int64_t> &ids,
             const GenerationEvents &events) {
  c10::InferenceMode no_gradients;
  Driver::Options options;
  options.chunk = run.generation().get(option::prefill_chunk_size);
  options.on_prefill = events.on_prefill;
  options.stop_requested = events.stop_requested;
  Driver(run.model(), cache, options).feed({ids}, {0}, {0, false});
}

}  // namespace

fs::path prefix_folder(const config::RunConfig &run) {
  return run.prefix.folder ? *run.prefix.folder : default_prefix_folder();
}

std::vector<int64_t> prefix_ids(const Session &run) {
  const auto &prefix = run.config().prefix;
  if (!prefix.text && !prefix.file) return {};
  const ModelInfo &info = run.model().info();
  if (info.encoder != EncoderKind::none)
    throw Error(ErrorKind::input,
                "prefix: the model '" + info.model_type + "' has an encoder; it takes none");
  if (run.tokenizer() == nullptr)
    throw Error(ErrorKind::input, "prefix: the model has no tokenizer for its text");
  const auto ids = run.tokenizer()->encode_hf(prefix_text(run), /*add_special_tokens=*/true);
  if (ids.empty()) throw Error(ErrorKind::input, "prefix: the text is empty");
  if (info.max_positions > 0 && static_cast<int64_t>(ids.size()) > info.max_positions)
    throw Error(ErrorKind::input, "prefix: it has " + std::to_string(ids.size()) +
                                      " tokens, the model takes at most " +
                                      std::to_string(info.max_positions) + " positions");
  return ids;
}

PrefixKey prefix_key(const Session &run, const Cache &cache, const std::vector<int64_t> &ids) {
  const auto &config = run.config();
  const auto found = find_plugin(config.cache_implementation, config.plugin_path);
  const ModelInfo &info = run.model().info();
  PrefixKey key;
  key.add("model", info.model_type + " " + model_sum(run.model_folder()));
  key.add("dtype of the weights", std::string(dtype_name(info.dtype)));
  key.add("cache", plugin_text(config));
  key.add("dtype of the cache", std::string(dtype_name(cache.dtype())));
  key.add("cache_config",
          config::to_json(CacheConfig::from_dict(*found.plugin, config.cache_config).to_dict()));
  key.add("prefill_chunk_size", std::to_string(run.generation().get(option::prefill_chunk_size)));
  key.add("instruction set", kernels::cpu_capability().name);
  const std::string_view bytes(reinterpret_cast<const char *>(ids.data()), ids.size() * sizeof ids.front());
  key.add("ids",
          std::to_string(ids.size()) + " " + number(sum_of(bytes, 1)) + " " + number(sum_of(bytes, 2)));
  return key;
}

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Into the store; what fails is a warning.
void keep(const PrefixStore &store, const PrefixKey &key, const Session &run, const Cache &cache,
          const std::vector<int64_t> &ids, PrefixUse &use) {
  try {
    PrefixEntry entry;
    entry.tokens = use.tokens;
    entry.model = run.model_folder().string();
    entry.cache = cache.plugin().name;
    entry.text = beginning(run, ids);
    use.bytes = store.keep(key, cache, entry);
    use.file = store.file_of(key).string();
  } catch (const Error &e) {
    warn(std::string(e.what()) + "; the prefix is not kept");
  }
}

}  // namespace

PrefixUse fill_prefix(const Session &run, Cache &cache, const std::vector<int64_t> &ids,
                      const GenerationEvents &events) {
  PrefixUse use;
  use.tokens = static_cast<int64_t>(ids.size());
  const auto compute_timed = [&] {
    const auto start = Clock::now();
    compute(run, cache, ids, events);
    use.seconds = seconds_since(start);
  };
  const std::string name = cache.plugin().name;
  if (!cache.offers("save") || !cache.offers("load")) {
    warn("the cache '" + name + "' cannot be saved: the prefix is computed in every run");
    compute_timed();
    return use;
  }
  const PrefixStore store(prefix_folder(run.config()));
  const PrefixKey key = prefix_key(run, cache, ids);
  const auto start = Clock::now();
  std::string why;
  const auto found = store.restore(key, cache, why);
  if (found == PrefixStore::Found::restored) {
    use.restored = true;
    use.seconds = seconds_since(start);
    use.file = store.file_of(key).string();
    std::error_code removed;  // meanwhile, by another process
    const auto bytes = fs::file_size(use.file, removed);
    if (!removed) use.bytes = static_cast<int64_t>(bytes);
    return use;
  }
  if (found == PrefixStore::Found::unusable) warn(why + "; the prefix is computed again");
  compute_timed();
  if (cache.info().tokens == 0)
    warn("the cache '" + name + "' holds nothing of it: the prefix is computed in every run");
  else
    keep(store, key, run, cache, ids, use);
  return use;
}

}  // namespace kvern

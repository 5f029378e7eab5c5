#include "python/bridge/open_cache.hpp"

#include <kvern/abi/rope.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "python/bridge/refused_rope.hpp"
#include "runtime/config/json.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/config/options_file.hpp"
#include "runtime/config/run_config.hpp"
#include "runtime/host/cache_host.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::python {
namespace {

namespace fs = std::filesystem;

/// The tree of a file's text, or of arguments, whose values have no line.
OptionTable tree_of(const std::string &run, const char *file) {
  if (file) return config::parse_options(run, printable(file, 4096));
  OptionTable tree = config::parse_json(run, "Cache");
  for (auto &[key, option] : tree) config::set_place(option, "kvern.Cache");
  return tree;
}

/// What a run says of its cache; options of generation are not this library's to check.
config::RunConfig read_run(const std::string &run, const char *file) {
  OptionTable tree = tree_of(run, file);
  std::erase_if(tree, [](const auto &item) { return item.first == "generation"; });
  config::RunConfig config =
      config::read_run_config(tree, file ? fs::path(file).parent_path() : fs::path(), {});
  if (!config.fallback.empty())
    throw Error(ErrorKind::config, std::string(file ? file : "kvern.Cache") +
                                       ": fallback: in Python a cache has no other one to go on with; remove "
                                       "it, or use the command line");
  return config;
}

int64_t integer(const OptionTable &table, const char *key, int64_t absent) {
  const Option *found = config::find_option(table, key);
  const auto *value = found ? std::get_if<int64_t>(&found->value) : nullptr;
  return value ? *value : absent;
}

std::string text(const OptionTable &table, const char *key) {
  const Option *found = config::find_option(table, key);
  const auto *value = found ? std::get_if<std::string>(&found->value) : nullptr;
  return value ? *value : "";
}

LayerSpec layer_of(const OptionTable &table) {
  LayerSpec layer;
  layer.kind = text(table, "kind") == "none" ? KVERN_LAYER_NONE : KVERN_LAYER_ATTENTION;
  const auto number = [&](const char *key, int64_t absent) {
    return static_cast<int32_t>(integer(table, key, absent));
  };
  layer.q_heads = number("q_heads", 0);
  layer.kv_heads = number("kv_heads", 0);
  layer.head_dim_k = number("head_dim_k", 0);
  layer.head_dim_v = number("head_dim_v", 0);
  layer.window = number("window", 0);
  layer.shares_layer = number("shares_layer", -1);
  return layer;
}

std::vector<LayerSpec> layers_of(const OptionTable &request) {
  std::vector<LayerSpec> layers;
  if (const Option *found = config::find_option(request, "layers"))
    for (const Option &item : std::get<OptionArray>(found->value))
      layers.push_back(layer_of(std::get<OptionTable>(item.value)));
  return layers;
}

std::shared_ptr<Host> make_host(const config::RunConfig &run) {
  auto host =
      std::make_shared<Host>(limits_of(run.memory_budget.value_or(0), run.host_memory_budget.value_or(0)));
  offer_common_extensions(*host, run.plugin_path);
  host->offer(KVERN_ROPE_1, refused_rope());
  return host;
}

Dtype dtype_of(const std::string &name) {
  if (const auto dtype = float_dtype_from_name(name)) return *dtype;
  throw Error(ErrorKind::config,
              "kvern.Cache: dtype " + name +
                  ": a cache holds float32, bfloat16 or float16; set cache_dtype to one of these");
}

}  // namespace

Cache open_cache(const std::string &run, const char *file, const std::string &request) {
  const config::RunConfig config = read_run(run, file);
  if (config.device != "cpu")
    throw Error(ErrorKind::config, "device '" + config.device +
                                       "': caches under transformers are on the CPU; it should be 'cpu'");
  const OptionTable asked = config::parse_json(request, "request");
  const FoundPlugin found = find_plugin(config.cache_implementation, config.plugin_path);
  check_options(*found.plugin, config.cache_config);
  CacheSpec spec;
  spec.layers = layers_of(asked);
  spec.dtype = dtype_of(config.cache_dtype.value_or(text(asked, "dtype")));
  spec.max_rows = integer(asked, "max_rows", 0);
  spec.max_tokens = integer(asked, "max_tokens", 0);
  spec.options = config.cache_config;
  return create_cache(make_host(config), *found.plugin, spec, config.check_cache);
}

PluginPath split_folders(const char *folders) {
  PluginPath path;
  std::stringstream list(folders ? folders : "");
  for (std::string folder; std::getline(list, folder, ':');)
    if (!folder.empty()) path.emplace_back(folder);
  return path;
}

}  // namespace kvern::python

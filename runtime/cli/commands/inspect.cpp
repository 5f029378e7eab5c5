// kvern inspect: a model's layers, and the bytes that each installed cache needs per token.
#include <cstdio>
#include <sstream>

#include "runtime/cli/command.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/table.hpp"
#include "runtime/run/kv_elements_per_token.hpp"
#include "runtime/run/probe.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kUsage =
    "usage: kvern inspect [MODEL] [options]\n\n"
    "Shows a model's layers as a cache sees them, and the bytes per token that each installed cache needs "
    "for it,\n"
    "measured by filling it.\n\n";

constexpr int64_t kProbeTokens = 1024;
constexpr int64_t kProbeBytes = int64_t{256} << 20;  // of a cache that is tried for whether it grows

const char *kind_name(const LayerSpec &l) {
  constexpr const char *names[] = {"none", "attention", "state", "cross-attention"};
  if ((l.flags & KVERN_VALUES_IN_KEYS) != 0) return "latent attention";
  return l.kind <= KVERN_LAYER_CROSS ? names[l.kind] : "?";
}

int64_t state_elements(const LayerSpec::State &state) {
  int64_t n = 1;
  for (const int64_t extent : state.shape) n *= extent;
  return n;
}

/// "128", "192/128" of keys and values, "576 (values: its first 512)", or the shapes of states.
std::string size_text(const LayerSpec &l) {
  std::string text;
  for (const LayerSpec::State &state : l.states) {
    text += text.empty() ? "" : ", ";
    for (size_t i = 0; i < state.shape.size(); ++i)
      text.append(i ? "x" : "").append(std::to_string(state.shape[i]));
  }
  if (l.kind == KVERN_LAYER_STATE) return text;
  const std::string k = std::to_string(l.head_dim_k), v = std::to_string(l.head_dim_v);
  if ((l.flags & KVERN_VALUES_IN_KEYS) != 0) return k + " (values: its first " + v + ")";
  return k == v ? k : k + "/" + v;
}

/// Of keys and values as they come, or of states, which do not grow.
std::string bytes_text(const LayerSpec &l, Dtype dtype) {
  if (l.kind == KVERN_LAYER_ATTENTION)
    return std::to_string(kv_elements_per_token({l}) * static_cast<int64_t>(dtype_size(dtype)));
  int64_t bytes = 0;
  for (const LayerSpec::State &state : l.states)
    bytes += state_elements(state) * static_cast<int64_t>(dtype_size(state.dtype));
  return bytes ? std::string("0, ").append(std::to_string(bytes)).append(" in all") : "0";
}

std::vector<std::string> layer_cells(const LayerSpec &l, const std::string &feed_forward, Dtype dtype) {
  const bool states = l.kind == KVERN_LAYER_STATE;
  const std::string q = states ? "-" : std::to_string(l.q_heads),
                    kv = states ? "-" : std::to_string(l.kv_heads);
  const std::string window = states ? "-" : l.window ? std::to_string(l.window) : "all";
  return {kind_name(l), q, kv, size_text(l), window, bytes_text(l, dtype), feed_forward};
}

/// Layers that are alike share a line: "0-29".
std::string layer_table(const Model &model, Dtype dtype) {
  const std::vector<LayerSpec> &layers = model.layers();
  std::vector<std::string> beside = model.feed_forward();
  beside.resize(layers.size(), "-");
  std::vector<std::vector<std::string>> rows{{"layers", "kind", "query heads", "kv heads",
                                              "head or state size", "window", "bytes per token", "and"}};
  for (size_t begin = 0, end = 0; begin < layers.size(); begin = end) {
    const auto cells = layer_cells(layers[begin], beside[begin], dtype);
    for (end = begin + 1; end < layers.size() && layer_cells(layers[end], beside[end], dtype) == cells;)
      ++end;
    std::string range = std::to_string(begin);
    if (end - begin > 1) range.append("-").append(std::to_string(end - 1));
    std::vector<std::string> row{range};
    row.insert(row.end(), cells.begin(), cells.end());
    rows.push_back(std::move(row));
  }
  return table(rows);
}

/// Of keys and values: that of the weights unless the configuration says another.
Dtype cache_dtype(const Session &run) {
  const auto &named = run.config().cache_dtype;
  const auto dtype = named ? float_dtype_from_name(*named) : std::nullopt;
  return dtype.value_or(run.model().info().dtype);
}

std::vector<std::string> cache_cells(const FoundPlugin &found, const Session &run) {
  if (!found.plugin) return {found.name, "-", "refused: " + found.refusal};
  CacheRequest request;
  request.implementation = found.name;
  request.plugin_path = run.config().plugin_path;
  if (run.config().cache_dtype) request.dtype = float_dtype_from_name(*run.config().cache_dtype);
  request.check_cache = run.config().check_cache;
  request.max_rows = 1;
  request.max_tokens = kProbeTokens;
  try {
    auto cache = open_cache(run.model(), request);
    if (const auto most = bounded_bytes(cache, kProbeBytes))
      return {found.name, "bounded, at most " + byte_text(*most), found.plugin->summary};
    char bytes[32];
    std::snprintf(bytes, sizeof bytes, "%.0f", bytes_per_token(cache));
    return {found.name, bytes, found.plugin->summary};
  } catch (const Error &e) {
    return {found.name, "-", e.what()};
  }
}

std::string describe(const Session &run) {
  const auto &info = run.model().info();
  std::ostringstream text;
  text << run.model_folder().string() << ": " << info.model_type << ", " << info.parameters
       << " parameters in " << byte_text(info.weight_bytes) << " (" << dtype_name(info.dtype)
       << "), vocabulary " << info.vocab_size << ", ";
  text << (info.max_positions ? "at most " + std::to_string(info.max_positions) + " positions"
                              : "no limit of positions");
  text << "\n\n" << layer_table(run.model(), cache_dtype(run)) << "\n";
  std::vector<std::vector<std::string>> rows{{"cache", "bytes per token", "what it is"}};
  for (const auto &found : list_plugins(run.config().plugin_path)) rows.push_back(cache_cells(found, run));
  text << table(rows);
  return text.str();
}

int run(const std::vector<std::string> &arguments) {
  po::options_description options;
  options.add(run_options()).add_options()("help", "print this");
  auto map = parse(arguments, options, "folder");
  if (map.count("help")) return print_help(kUsage, options);
  auto config = read_config(map);
  if (map.count("folder")) {
    const auto folders = map["folder"].as<std::vector<std::string>>();
    if (folders.size() > 1 || map.count("model")) throw Error(ErrorKind::usage, "inspect takes one model");
    config.model = folders[0];
  }
  write_text(describe(Session(std::move(config))));
  return 0;
}

}  // namespace

extern constinit const Command command_inspect{
    "inspect", "show a model's layers, and what each cache would need for it", run};

}  // namespace kvern::cli

#include "runtime/run/layer_report.hpp"

#include <kvern/abi/parts.h>

#include <algorithm>

#include "runtime/run/probe.hpp"

namespace kvern {
namespace {

constexpr const char *kHybridCache = "hybrid";  // says which cache, and holds nothing itself
constexpr int64_t kFirst = 256;                 // tokens of the first measurement
constexpr int64_t kChunk = 128;

const kvern_cache *part_of(const void *table, int layer) {
  const auto *parts = static_cast<const kvern_parts_1 *>(table);
  if (parts == nullptr || !KVERN_HAS(parts, kvern_parts_1, part)) return nullptr;
  return parts->part(parts->ctx, layer);
}

const void *parts_table(const kvern_cache *cache) {
  if (!KVERN_HAS(cache->ops, kvern_cache_ops, get_extension)) return nullptr;
  return cache->ops->get_extension(cache, KVERN_PARTS_1);
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const auto &name : names)
    if (name != kHybridCache || names.size() == 1) text += (text.empty() ? "" : " of ") + name;
  return text;
}

LayerBytes bytes_of(const Cache &cache, int layer) {
  const kvern_info info = cache.info(layer);
  const int64_t held = info.bytes_device + info.bytes_host;
  return {"", 0, info.bytes_used >= 0 ? info.bytes_used : held, held};
}

/// Of each layer, and last of the whole cache.
std::vector<LayerBytes> bytes_now(const Cache &cache) {
  std::vector<LayerBytes> bytes;
  for (int layer = 0; layer < static_cast<int>(cache.layers().size()); ++layer)
    bytes.push_back(bytes_of(cache, layer));
  bytes.push_back(bytes_of(cache, -1));
  return bytes;
}

/// Bytes at `tokens` from those at two smaller lengths.
void extrapolate(std::vector<LayerBytes> &bytes, const std::vector<LayerBytes> &before, int64_t step,
                 int64_t beyond) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto per_token = static_cast<double>(bytes[i].used - before[i].used) / static_cast<double>(step);
    bytes[i].used_per_token = per_token;
    bytes[i].used += static_cast<int64_t>(per_token * static_cast<double>(beyond));
    bytes[i].held = std::max(bytes[i].held, beyond > 0 ? bytes[i].used : 0);
  }
}

}  // namespace

std::vector<std::string> caches_of_layer(const Cache &cache, int layer) {
  std::vector<std::string> names{cache.plugin().name};
  const kvern_cache *part = part_of(cache.extension(KVERN_PARTS_1), layer);
  for (; part != nullptr; part = part_of(parts_table(part), layer))
    names.emplace_back(part->ops->plugin->name);
  return names;
}

LayerReport report_layers(Cache &cache, int64_t tokens, int64_t max_bytes) {
  LayerReport report;
  report.tokens = tokens;
  fill_cache(cache, 1, std::min(tokens, kFirst), kChunk, {}, tokens);
  const int64_t first = std::max<int64_t>(bytes_of(cache, -1).held, 1);
  report.measured = std::min(tokens, std::max(2 * kFirst, kFirst * std::max<int64_t>(1, max_bytes / first)));
  const int64_t before = std::max<int64_t>(1, report.measured - std::max<int64_t>(1, report.measured / 4));
  cache.reset();
  fill_cache(cache, 1, before, kChunk, {}, tokens);
  const auto earlier = bytes_now(cache);
  fill_cache(cache, 1, report.measured, kChunk, {}, tokens);
  auto bytes = bytes_now(cache);
  extrapolate(bytes, earlier, std::max<int64_t>(1, report.measured - before), tokens - report.measured);
  cache.reset();
  report.all = bytes.back();
  report.all.cache = cache.plugin().name;
  bytes.pop_back();
  for (int layer = 0; layer < static_cast<int>(bytes.size()); ++layer)
    if (cache.layers()[static_cast<size_t>(layer)].kind != KVERN_LAYER_NONE)
      bytes[static_cast<size_t>(layer)].cache = joined(caches_of_layer(cache, layer));
  report.layers = std::move(bytes);
  return report;
}

}  // namespace kvern

// Exceptions become codes here, and nowhere else.
#include "python/bridge/bridge.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "devices/cpu/threads.hpp"
#include "python/bridge/listing.hpp"
#include "python/bridge/open_cache.hpp"
#include "python/bridge/steps.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/config/options_file.hpp"

namespace {

using namespace kvern;

struct Failure {
  int32_t status = 0, kind = 0;
  std::string message;
};
thread_local Failure failure;

template <class F>
int32_t guarded(F &&run) noexcept try {
  run();
  return 0;
} catch (const CacheError &error) {
  failure = {error.status(), error.exit_code(), error.what()};
  return 1;
} catch (const Error &error) {
  failure = {0, error.exit_code(), error.what()};
  return 1;
} catch (const std::bad_alloc &) {
  failure = {KVERN_OUT_OF_MEMORY, static_cast<int32_t>(ErrorKind::out_of_memory), "no memory"};
  return 1;
} catch (const std::exception &error) {
  failure = {KVERN_INTERNAL, static_cast<int32_t>(ErrorKind::internal), error.what()};
  return 1;
}

/// Memory for kvb_free.
char *copy_of(const std::string &text) {
  char *memory = static_cast<char *>(std::malloc(text.size() + 1));
  if (!memory) throw std::bad_alloc();
  std::memcpy(memory, text.c_str(), text.size() + 1);
  return memory;
}

template <class F>
kvb_cache *made(F &&make) noexcept {
  kvb_cache *cache = nullptr;
  guarded([&] { cache = new kvb_cache{make(), {}, {}}; });
  return cache;
}

struct Reader {
  const char *data;
  uint64_t left;
};

int64_t read(void *ctx, void *buffer, uint64_t size) {
  auto &from = *static_cast<Reader *>(ctx);
  const uint64_t n = size < from.left ? size : from.left;
  std::memcpy(buffer, from.data, n);
  from.data += n;
  from.left -= n;
  return static_cast<int64_t>(n);
}

int64_t write(void *ctx, void *buffer, uint64_t size) noexcept try {
  static_cast<std::string *>(ctx)->append(static_cast<const char *>(buffer), size);
  return static_cast<int64_t>(size);
} catch (const std::exception &) {
  return -1;
}

}  // namespace

int32_t kvb_status() { return failure.status; }
int32_t kvb_kind() { return failure.kind; }
const char *kvb_message() { return failure.message.c_str(); }

int32_t kvb_embed(const char *plugin_folders, const char *build) {
  return guarded([&] {
    set_default_plugin_folders(python::split_folders(plugin_folders));
    set_host_build(build);
  });
}
int32_t kvb_set_threads(int64_t threads) {
  return guarded([&] { set_threads(threads); });
}
int32_t kvb_threads() { return threads(); }

char *kvb_list(const char *plugin_folders) {
  char *text = nullptr;
  guarded([&] { text = copy_of(python::listing(python::split_folders(plugin_folders))); });
  return text;
}
char *kvb_read_config(const char *file) {
  char *text = nullptr;
  guarded([&] { text = copy_of(config::to_json(config::read_options(file))); });
  return text;
}
void kvb_free(void *memory) { std::free(memory); }

kvb_cache *kvb_open(const char *run, const char *file, const char *request) {
  return made([&] { return python::open_cache(run, file, request); });
}
void kvb_close(kvb_cache *cache) {
  if (cache && cache->cache.in_step()) kvb_end(cache, 0);
  delete cache;
}
const char *kvb_dtype(const kvb_cache *cache) { return dtype_name(cache->cache.dtype()).data(); }
const char *kvb_name(const kvb_cache *cache) { return cache->cache.plugin().name; }

int32_t kvb_begin(kvb_cache *cache, int64_t rows, int64_t n_new, const int64_t *row_pos, uint32_t flags) {
  return guarded([&] { python::begin(*cache, rows, n_new, row_pos, flags); });
}
int32_t kvb_view(kvb_cache *cache, int32_t layer, int64_t *out) {
  return guarded([&] {
    const python::Columns columns = python::columns(*cache, layer);
    out[0] = columns.kv_len;
    out[1] = columns.before;
  });
}
int32_t kvb_update(kvb_cache *cache, int32_t layer, const int64_t *k, const int64_t *v, int64_t *out_k,
                   int64_t *out_v) {
  return guarded([&] { python::update(*cache, layer, k, v, out_k, out_v); });
}
int32_t kvb_attend(kvb_cache *cache, int32_t layer, kvb_attention *request) {
  return guarded([&] { python::attend(*cache, layer, *request); });
}
int32_t kvb_end(kvb_cache *cache, int64_t n_keep) {
  return guarded([&] { cache->cache.end(n_keep); });
}

int32_t kvb_reset(kvb_cache *cache) {
  return guarded([&] { cache->cache.reset(); });
}
int32_t kvb_gather(kvb_cache *cache, const int64_t *rows, int64_t n) {
  return guarded([&] { cache->cache.gather({rows, rows + n}); });
}
int32_t kvb_append(kvb_cache *cache, const kvb_cache *from) {
  return guarded([&] { cache->cache.append(from->cache); });
}
int32_t kvb_truncate(kvb_cache *cache, const int64_t *row_pos, int64_t n) {
  return guarded([&] { cache->cache.truncate({row_pos, row_pos + n}); });
}
kvb_cache *kvb_clone(const kvb_cache *cache) {
  return made([&] { return cache->cache.clone(); });
}
kvb_cache *kvb_empty_like(const kvb_cache *cache) {
  return made([&] { return cache->cache.empty_like(); });
}
int32_t kvb_info(const kvb_cache *cache, int32_t layer, kvern_info *info) {
  return guarded([&] { *info = cache->cache.info(layer); });
}
char *kvb_save(const kvb_cache *cache, int64_t *size) {
  char *data = nullptr;
  guarded([&] {
    std::string bytes;
    cache->cache.save({sizeof(kvern_stream_io), 0, &bytes, &write});
    data = copy_of(bytes);
    *size = static_cast<int64_t>(bytes.size());
  });
  return data;
}
int32_t kvb_load(kvb_cache *cache, const char *data, int64_t size) {
  return guarded([&] {
    Reader reader{data, static_cast<uint64_t>(size)};
    cache->cache.load({sizeof(kvern_stream_io), 0, &reader, &read});
    if (reader.left == 0) return;
    cache->cache.reset();
    throw CacheError(KVERN_BAD_DATA,
                     std::to_string(reader.left) + " bytes are left behind the contents of the cache");
  });
}
int32_t kvb_offers(const kvb_cache *cache, const char *verb) { return cache->cache.offers(verb); }

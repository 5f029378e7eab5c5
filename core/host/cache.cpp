// A cache's life and the verbs between steps.
#include <array>

#include "core/host/cache_checks.hpp"

namespace kvern {

void check_created(Cache::State &state);

Cache::State::~State() {
  if (!cache) return;
  const auto attempt = [this](const char *verb, auto &&body) {
    try {
      run(verb, body);
    } catch (const std::exception &thrown) {
      host->table()->log(host->table()->ctx, KVERN_LOG_ERROR, thrown.what());
    }
  };
  if (in_step && !lost) attempt("end", [&] { return ops().end(cache, 0, &error); });
  attempt("destroy", [&] { return ops().destroy(cache), KVERN_OK; });
}

void Cache::State::fail(const char *verb, kvern_status status) {
  status = known_status(status);
  if (status == KVERN_DEVICE_ERROR || status == KVERN_INTERNAL) lost = true;
  if (in_step && status != KVERN_UNSUPPORTED) failed = true;
  error.message[sizeof error.message - 1] = '\0';
  const std::string why =
      *error.message ? error.message : std::string(verb) + " failed: " + status_name(status);
  throw CacheError(status, title() + ": " + why);
}

void Cache::State::threw(const char *verb, const char *what) {
  defect(std::string(verb) + " threw an exception across the border" + (*what ? ": " : "") + what);
}

void Cache::State::defect(const std::string &what) {
  lost = true;
  throw CacheError(KVERN_INTERNAL, title() + ": a defect of the plugin: " + what);
}

void Cache::State::misuse(kvern_status status, const std::string &what) const {
  throw CacheError(status, ErrorKind::internal, title() + ": " + what);
}

void Cache::State::not_offered(const char *verb) const {
  throw CacheError(KVERN_UNSUPPORTED, title() + ": it does not offer " + verb);
}

Cache::Cache(std::unique_ptr<State> state) : state_(std::move(state)) {}
Cache::~Cache() = default;
Cache::Cache(Cache &&) noexcept = default;
Cache &Cache::operator=(Cache &&) noexcept = default;

const kvern_plugin &Cache::plugin() const { return *state_->plugin; }
const Host &Cache::host() const { return *state_->host; }
Dtype Cache::dtype() const { return state_->dtype; }
const std::vector<LayerSpec> &Cache::layers() const { return state_->layers; }

void Cache::reset() {
  State &s = *state_;
  s.require_no_step("reset");
  s.must("reset", [&] { return s.ops().reset(s.cache, &s.error); });
}

kvern_info Cache::info(int layer) const {
  State &s = *state_;
  s.require_alive("info");
  kvern_info info{};
  info.struct_size = sizeof info;
  info.capacity = info.max_new = info.rollback = info.bytes_used = -1;
  if (layer >= 0 && static_cast<size_t>(layer) < s.layers.size() && s.layers[layer].kind == KVERN_LAYER_NONE)
    return info.bytes_used = 0, info;
  if (layer != -1) s.require_layer("info", layer);
  s.must("info", [&] { return s.ops().info(s.cache, layer, &info, &s.error); });
  check_info(s, info);
  return info;
}

void Cache::gather(const std::vector<int64_t> &rows) {
  State &s = *state_;
  s.require_no_step("gather");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, gather)) s.not_offered("gather");
  const auto n = static_cast<int64_t>(rows.size());
  s.must("gather", [&] { return s.ops().gather(s.cache, rows.data(), n, &s.error); });
}

void Cache::append(const Cache &from) {
  State &s = *state_;
  s.require_no_step("append");
  from.state_->require_no_step("append");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, append)) s.not_offered("append");
  if (from.state_->plugin != s.plugin || !from.state_->wrap != !s.wrap)
    s.misuse(KVERN_INVALID_ARGUMENT,
             "append of a cache '" + std::string(from.plugin().name) + "': only its own kind fits");
  s.must("append", [&] { return s.ops().append(s.cache, from.state_->cache, &s.error); });
}

void Cache::truncate(const std::vector<int64_t> &row_pos) {
  State &s = *state_;
  s.require_no_step("truncate");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, truncate)) s.not_offered("truncate");
  const int64_t rows = info().rows;
  if (static_cast<int64_t>(row_pos.size()) != rows)
    s.misuse(KVERN_INVALID_ARGUMENT, "truncate with " + std::to_string(row_pos.size()) + " positions for " +
                                         std::to_string(rows) + " rows");
  s.must("truncate", [&] { return s.ops().truncate(s.cache, row_pos.data(), &s.error); });
}

Cache Cache::clone() const {
  State &s = *state_;
  s.require_no_step("clone");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, clone)) s.not_offered("clone");
  auto copy = std::make_unique<State>();
  copy->host = s.host;
  copy->plugin = s.plugin;
  copy->dtype = s.dtype;
  copy->layers = s.layers;
  copy->spec = s.spec;
  copy->wrap = s.wrap;
  copy->kv_len = s.kv_len;
  kvern_cache *made = nullptr;
  s.must("clone", [&] { return s.ops().clone(s.cache, &made, &s.error); });
  copy->cache = made;
  check_created(*copy);
  return Cache(std::move(copy));
}

void Cache::save(const kvern_stream_io &stream) const {
  State &s = *state_;
  s.require_no_step("save");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, save)) s.not_offered("save");
  s.must("save", [&] { return s.ops().save(s.cache, &stream, &s.error); });
}

void Cache::load(const kvern_stream_io &stream) {
  State &s = *state_;
  s.require_no_step("load");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, load)) s.not_offered("load");
  s.must("load", [&] { return s.ops().load(s.cache, &stream, &s.error); });
}

const void *Cache::extension(const std::string &id) const {
  State &s = *state_;
  if (s.lost || !KVERN_HAS(&s.ops(), kvern_cache_ops, get_extension)) return nullptr;
  const void *table = nullptr;
  s.must("get_extension", [&] { return table = s.ops().get_extension(s.cache, id.c_str()), KVERN_OK; });
  return table;
}

std::vector<std::string> Cache::offered() const {
  const kvern_cache_ops &ops = state_->ops();
  std::vector<std::string> verbs;
  const std::pair<const char *, bool> optional[] = {
      {"attend", KVERN_HAS(&ops, kvern_cache_ops, attend)},
      {"state", KVERN_HAS(&ops, kvern_cache_ops, state)},
      {"gather", KVERN_HAS(&ops, kvern_cache_ops, gather)},
      {"append", KVERN_HAS(&ops, kvern_cache_ops, append)},
      {"truncate", KVERN_HAS(&ops, kvern_cache_ops, truncate)},
      {"end_rows", KVERN_HAS(&ops, kvern_cache_ops, end_rows)},
      {"clone", KVERN_HAS(&ops, kvern_cache_ops, clone)},
      {"save", KVERN_HAS(&ops, kvern_cache_ops, save)},
      {"load", KVERN_HAS(&ops, kvern_cache_ops, load)},
      {"get_extension", KVERN_HAS(&ops, kvern_cache_ops, get_extension)}};
  for (const auto &[verb, offers] : optional)
    if (offers) verbs.emplace_back(verb);
  return verbs;
}

bool Cache::offers(std::string_view verb) const {
  for (const std::string &offered : offered())
    if (offered == verb) return true;
  return false;
}

}  // namespace kvern

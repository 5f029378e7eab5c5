// Caches inside a cache: for decorators, which forward everything, and composites, which divide the layers. The inner cache is
// another plugin's, found by name.
#pragma once
#include <kvern/abi/compose.h>
#include <kvern/abi/positions.h>
#include <kvern/abi/window.h>

#include <kvern/sdk/create.hpp>
#include <kvern/sdk/verbs.hpp>
#include <string>
#include <utility>

KVERN_SDK_BEGIN

/// The layers of a composite's child: those of its own as they are, all others of kind NONE, so that numbers stay the same.
class PartialLayers {
 public:
  template <class Mine>
  PartialLayers(const kvern_create &create, Mine mine) {
    layers_.reserve(create.n_layers);
    for (uint32_t i = 0; i < create.n_layers; ++i) {
      layers_.push_back(known_part(*create.layers[i]));
      if (!mine(static_cast<int>(i))) layers_.back().kind = KVERN_LAYER_NONE;
    }
    for (const kvern_layer &layer : layers_) pointers_.push_back(&layer);
  }
  PartialLayers(const PartialLayers &) = delete;
  const kvern_layer *const *data() const { return pointers_.data(); }

 private:
  std::vector<kvern_layer> layers_;
  std::vector<const kvern_layer *> pointers_;
};

/// An inner cache, owned. Every verb throws what the inner cache reports.
class Inner {
 public:
  /// The plugin called `name`, its options checked. INVALID_ARGUMENT with the host's reason if there is none.
  static const kvern_plugin &find(const Host &host, std::string_view name, OptionItems options) {
    const auto &compose = host.required_extension<kvern_compose_1>(KVERN_COMPOSE_1);
    kvern_error error = empty_error();
    const kvern_plugin *plugin = compose.find(compose.ctx, std::string(name).c_str(), &error);
    if (!plugin) fail(KVERN_INVALID_ARGUMENT, "the inner cache '", name, "': ", error.message);
    if (KVERN_HAS(&compose, kvern_compose_1, check_options)) {
      require(compose.check_options(compose.ctx, plugin, options.data(),
                                    static_cast<uint32_t>(options.size()), &error),
              error);
    }
    return *plugin;
  }

  /// `host` is the real one or a decorator's; it outlives the inner cache.
  Inner(const kvern_host *host, const kvern_plugin &plugin, const kvern_create &create) {
    kvern_error error = empty_error();
    require(plugin.create(host, &create, &cache_, &error), error);
  }
  Inner(Inner &&other) noexcept : cache_(std::exchange(other.cache_, nullptr)) {}
  Inner &operator=(Inner &&other) noexcept {
    std::swap(cache_, other.cache_);
    return *this;
  }
  ~Inner() {
    if (cache_) cache_->ops->destroy(cache_);
  }

  /// For "kvern.parts/1".
  const kvern_cache *raw() const { return cache_; }

  /// The table of a cache extension, or nullptr; it lives as long as the inner cache.
  const void *extension(const char *id) const {
    const kvern_cache_ops &ops = *cache_->ops;
    return KVERN_HAS(&ops, kvern_cache_ops, get_extension) ? ops.get_extension(cache_, id) : nullptr;
  }
  /// How far a query sees where positions are counted inside a window ("kvern.positions/1"); 0: the text's positions count.
  int64_t span() const {
    const auto *table = static_cast<const kvern_cache_positions_1 *>(extension(KVERN_POSITIONS_1));
    return table ? table->span : 0;
  }
  /// How many positions a query of a layer sees where the cache narrows it ("kvern.window/1"); 0: as many as the layer says.
  int64_t window(int layer) const {
    const auto *table = static_cast<const kvern_cache_window_1 *>(extension(KVERN_WINDOW_1));
    return table ? table->window(table->ctx, layer) : 0;
  }

  bool offers(Verb verb) const {
    const kvern_cache_ops &ops = *cache_->ops;
    switch (verb) {
      case Verb::attend:
        return KVERN_HAS(&ops, kvern_cache_ops, attend);
      case Verb::state:
        return KVERN_HAS(&ops, kvern_cache_ops, state);
      case Verb::gather:
        return KVERN_HAS(&ops, kvern_cache_ops, gather);
      case Verb::append:
        return KVERN_HAS(&ops, kvern_cache_ops, append);
      case Verb::truncate:
        return KVERN_HAS(&ops, kvern_cache_ops, truncate);
      case Verb::end_rows:
        return KVERN_HAS(&ops, kvern_cache_ops, end_rows);
      case Verb::clone:
        return KVERN_HAS(&ops, kvern_cache_ops, clone);
      case Verb::save:
        return KVERN_HAS(&ops, kvern_cache_ops, save);
      case Verb::load:
        return KVERN_HAS(&ops, kvern_cache_ops, load);
    }
    return false;
  }

  void begin(const Step &step) { begin(step.raw()); }
  void begin(const kvern_step &raw) {
    call([&](kvern_error *e) { return cache_->ops->begin(cache_, &raw, e); });
  }
  void view(int layer, kvern_view &view) {
    view.struct_size = sizeof view;
    call([&](kvern_error *e) { return cache_->ops->view(cache_, layer, &view, e); });
  }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    call([&](kvern_error *e) { return cache_->ops->update(cache_, layer, k, v, out_k, out_v, e); });
  }
  void end(int64_t n_keep) {
    call([&](kvern_error *e) { return cache_->ops->end(cache_, n_keep, e); });
  }
  void reset() {
    call([&](kvern_error *e) { return cache_->ops->reset(cache_, e); });
  }
  kvern_info info(int layer) const {
    kvern_info info{};
    info.struct_size = sizeof info;
    call([&](kvern_error *e) { return cache_->ops->info(cache_, layer, &info, e); });
    return info;
  }

  // Only where offered.
  void attend(const kvern_attend &request) {
    call([&](kvern_error *e) { return cache_->ops->attend(cache_, &request, e); });
  }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    call([&](kvern_error *e) { return cache_->ops->state(cache_, layer, slot, read, write, e); });
  }
  void gather(Rows rows) {
    call([&](kvern_error *e) {
      return cache_->ops->gather(cache_, rows.data(), static_cast<int64_t>(rows.size()), e);
    });
  }
  void append(const Inner &from) {
    call([&](kvern_error *e) { return cache_->ops->append(cache_, from.cache_, e); });
  }
  void truncate(Rows row_pos) {
    call([&](kvern_error *e) { return cache_->ops->truncate(cache_, row_pos.data(), e); });
  }
  void end_rows(Rows row_keep) {
    call([&](kvern_error *e) { return cache_->ops->end_rows(cache_, row_keep.data(), e); });
  }
  Inner clone() const {
    kvern_cache *copy = nullptr;
    call([&](kvern_error *e) { return cache_->ops->clone(cache_, &copy, e); });
    return Inner(copy);
  }
  void save(Writer &out) const {
    const kvern_stream_io stream{
        sizeof stream, 0, &out, [](void *ctx, void *data, uint64_t size) -> int64_t {
          return forward([&] { static_cast<Writer *>(ctx)->bytes(data, static_cast<int64_t>(size)); }, size);
        }};
    call([&](kvern_error *e) { return cache_->ops->save(cache_, &stream, e); });
  }
  void load(Reader &in) {
    const kvern_stream_io stream{
        sizeof stream, 0, &in, [](void *ctx, void *data, uint64_t size) -> int64_t {
          return forward([&] { static_cast<Reader *>(ctx)->bytes(data, static_cast<int64_t>(size)); }, size);
        }};
    call([&](kvern_error *e) { return cache_->ops->load(cache_, &stream, e); });
  }

 private:
  explicit Inner(kvern_cache *cache) : cache_(cache) {}

  /// All of it or an error: no exception passes through the inner plugin.
  template <class Move>
  static int64_t forward(Move &&move, uint64_t size) noexcept {
    try {
      move();
      return static_cast<int64_t>(size);
    } catch (...) {
      return -1;
    }
  }

  template <class Verb>
  static void call(Verb &&verb) {
    kvern_error error = empty_error();
    require(verb(&error), error);
  }

  kvern_cache *cache_ = nullptr;
};

KVERN_SDK_END

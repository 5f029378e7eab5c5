// The trampolines: one cache class behind the binary table. Each checks the call, runs the method, and catches all
// exceptions.
#pragma once
#include <kvern/abi/parts.h>

#include <kvern/sdk/instance_base.hpp>
#include <kvern/sdk/saved_header.hpp>
#include <kvern/sdk/stream_scope.hpp>
#include <kvern/sdk/verbs.hpp>

KVERN_SDK_BEGIN

template <CacheClass C>
class Instance : public kvern_cache {
 public:
  static kvern_status make(const kvern_plugin *plugin, const Create &create, kvern_cache **out) {
    const StreamScope scope(create.stream);
    std::unique_ptr<Instance> made(new Instance(plugin, create, std::make_unique<C>(create)));
    *out = made.release();
    return KVERN_OK;
  }

 private:
  Instance(const kvern_plugin *plugin, const Create &create, std::unique_ptr<C> cache)
      : base_(create), cache_(std::move(cache)) {
    set_table(plugin);
  }
  Instance(const kvern_plugin *plugin, const InstanceBase &base, std::unique_ptr<C> cache)
      : base_(base), cache_(std::move(cache)) {
    set_table(plugin);
  }

  static Instance &self(kvern_cache *cache) { return *static_cast<Instance *>(cache); }
  static const Instance &self(const kvern_cache *cache) { return *static_cast<const Instance *>(cache); }

  static constexpr int64_t format() {
    if constexpr (requires { C::format; }) return C::format;
    return 1;
  }

  void set_table(const kvern_plugin *plugin) {
    detail::check_signatures<C>();
    kvern_cache::ops = &table_;
    table_.struct_size = sizeof table_;
    table_.plugin = plugin;
    table_.destroy = destroy;
    table_.begin = begin;
    table_.view = view;
    table_.update = update;
    table_.end = end;
    table_.reset = reset;
    table_.info = info;
    if constexpr (HasAttend<C>) table_.attend = attend;
    if constexpr (HasState<C>) table_.state = state;
    if constexpr (HasGather<C>) table_.gather = gather;
    if constexpr (HasAppend<C>) table_.append = append;
    if constexpr (HasTruncate<C>) table_.truncate = truncate;
    if constexpr (HasEndRows<C>) table_.end_rows = end_rows;
    if constexpr (HasClone<C>) table_.clone = clone;
    if constexpr (HasSave<C>) table_.save = save;
    if constexpr (HasLoad<C>) table_.load = load;
    if constexpr (HasExtension<C> || HasPart<C>) table_.get_extension = get_extension;
    if constexpr (OffersByInstance<C>) withdraw_what_is_not_offered();
  }

  void withdraw_what_is_not_offered() {
    const auto keep = [this](Verb verb, auto &entry) {
      if (!cache_->offers(verb)) entry = nullptr;
    };
    keep(Verb::attend, table_.attend);
    keep(Verb::state, table_.state);
    keep(Verb::gather, table_.gather);
    keep(Verb::append, table_.append);
    keep(Verb::truncate, table_.truncate);
    keep(Verb::end_rows, table_.end_rows);
    keep(Verb::clone, table_.clone);
    keep(Verb::save, table_.save);
    keep(Verb::load, table_.load);
  }

  /// Runs a call of which a failure may cost the step or the cache.
  template <class Body>
  static kvern_status run(kvern_cache *cache, kvern_error *error, Body &&body) noexcept {
    const StreamScope scope(self(cache).base_.stream);
    const kvern_status status = guarded(error, [&] { body(self(cache)); });
    if (status != KVERN_OK) self(cache).base_.failed(status);
    return status;
  }

  static void destroy(kvern_cache *cache) noexcept {
    const StreamScope scope(self(cache).base_.stream);
    delete &self(cache);
  }

  static kvern_status begin(kvern_cache *cache, const kvern_step *step, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_between_steps("begin");
      it.base_.step.read(*step);
      it.base_.stream = it.base_.step.stream;
      const StreamScope scope(it.base_.stream);
      it.cache_->begin(static_cast<const Step &>(it.base_.step));
      it.base_.open();
    });
  }

  static kvern_status view(kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_step("view");
      it.base_.keys_layer("view", layer);
      kvern_view ours{};
      it.cache_->view(layer, ours);
      export_struct(view, ours);
    });
  }

  static kvern_status update(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v,
                             DLTensor *out_k, DLTensor *out_v, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_step("update");
      it.base_.require_keys("update", layer, k, v);
      if ((out_k == nullptr) != (out_v == nullptr)) {
        fail(KVERN_INVALID_ARGUMENT, "update of layer ", layer,
             " asks for keys without values or values without keys");
      }
      it.cache_->update(layer, k, v, out_k, out_v);
      if (k) it.base_.keys_stored(layer);
    });
  }

  static kvern_status attend(kvern_cache *cache, const kvern_attend *request, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      const kvern_attend ours = known_part(*request);
      it.base_.require_step("attend");
      it.base_.require_keys("attend", ours.layer, ours.k, ours.v);
      if constexpr (!AttendsOtherQueries<C>) {
        if (ours.q->shape[2] != it.base_.step.n_new)
          fail(KVERN_UNSUPPORTED, "attend takes as many queries as the step has new tokens");
      }
      it.cache_->attend(static_cast<const kvern_attend &>(ours));
      if (ours.k) it.base_.keys_stored(ours.layer);
    });
  }

  static kvern_status state(kvern_cache *cache, int32_t layer, int32_t slot, DLTensor *read, DLTensor *write,
                            kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_step("state");
      it.base_.require_state(layer, slot);
      it.cache_->state(layer, slot, read, write);
    });
  }

  static kvern_status end(kvern_cache *cache, int64_t n_keep, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_end(n_keep);
      it.cache_->end(n_keep);
      it.base_.close();
    });
  }

  static kvern_status end_rows(kvern_cache *cache, const int64_t *row_keep, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_end_rows(row_keep);
      it.cache_->end_rows(Rows(row_keep, static_cast<std::size_t>(it.base_.step.rows)));
      it.base_.close();
    });
  }

  static kvern_status reset(kvern_cache *cache, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_between_steps("reset");
      it.cache_->reset();
    });
  }

  static kvern_status info(const kvern_cache *cache, int32_t layer, kvern_info *info,
                           kvern_error *error) noexcept {
    return guarded(error, [&] {
      const Instance &it = self(cache);
      if (layer < -1 || layer >= static_cast<int32_t>(it.base_.layers.size())) {
        fail(KVERN_INVALID_ARGUMENT, "info names layer ", layer, " of ", it.base_.layers.size());
      }
      kvern_info ours{};
      it.cache_->info(layer, ours);
      export_struct(info, ours);
    });
  }

  int64_t held_rows() const {
    kvern_info info{};
    cache_->info(-1, info);
    return info.rows;
  }

  static kvern_status gather(kvern_cache *cache, const int64_t *rows, int64_t n,
                             kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_between_steps("gather");
      if (n < 1) fail(KVERN_INVALID_ARGUMENT, "gather of ", n, " rows: at least one; reset forgets all");
      const int64_t held = it.held_rows();
      for (int64_t i = 0; i < n && !it.forgets_all(); ++i) {
        if (rows[i] >= 0 && rows[i] < held) continue;
        fail(KVERN_INVALID_ARGUMENT, "gather asks for row ", rows[i], " of a cache that holds ", held);
      }
      it.cache_->gather(Rows(rows, static_cast<std::size_t>(n)));
    });
  }

  static kvern_status append(kvern_cache *cache, const kvern_cache *from, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_between_steps("append");
      if (from->ops->plugin != it.table_.plugin) {
        fail(KVERN_INVALID_ARGUMENT, "append takes rows of another '", C::name, "' cache only");
      }
      const Instance &other = self(from);
      if (&other == &it) fail(KVERN_INVALID_ARGUMENT, "append of a cache to itself: gather repeats rows");
      if (other.base_.in_step() || other.base_.lost()) {
        fail(KVERN_WRONG_STATE, "append of a cache that is inside a step");
      }
      if (!same_layers(other.base_.layers, it.base_.layers) || !same_type(other.base_.type, it.base_.type)) {
        fail(KVERN_INVALID_ARGUMENT, "append of a cache that was made for other layers or another type");
      }
      it.cache_->append(*other.cache_);
    });
  }

  static kvern_status truncate(kvern_cache *cache, const int64_t *row_pos, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_between_steps("truncate");
      it.cache_->truncate(Rows(row_pos, static_cast<std::size_t>(it.held_rows())));
    });
  }

  static kvern_status clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error) noexcept {
    return guarded(error, [&] {
      const Instance &it = self(cache);
      const StreamScope scope(it.base_.stream);
      it.base_.require_between_steps("clone");
      std::unique_ptr<Instance> made(new Instance(it.table_.plugin, it.base_, it.cache_->clone()));
      *out = made.release();
    });
  }

  static kvern_status save(const kvern_cache *cache, const kvern_stream_io *stream,
                           kvern_error *error) noexcept {
    return guarded(error, [&] {
      const Instance &it = self(cache);
      const StreamScope scope(it.base_.stream);
      it.base_.require_between_steps("save");
      Writer out(*stream);
      write_header(out, C::name, format(), it.base_.layers, it.base_.type);
      it.cache_->save(out);
      write_check_sum(out);
    });
  }

  static kvern_status load(kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error) noexcept {
    return run(cache, error, [&](Instance &it) {
      it.base_.require_between_steps("load");
      try {
        Reader in(*stream);
        read_header(in, C::name, format(), it.base_.layers, it.base_.type);
        it.cache_->load(in);
        read_check_sum(in);
      } catch (...) {
        it.cache_->reset();
        throw;
      }
    });
  }

  static const void *get_extension(const kvern_cache *cache, const char *id) noexcept {
    if constexpr (HasPart<C>) {
      if (std::string_view(id) == KVERN_PARTS_1) return &self(cache).parts_;
    }
    if constexpr (HasExtension<C>) return self(cache).cache_->extension(id);
    return nullptr;
  }

  static const kvern_cache *part(const void *ctx, int32_t layer) noexcept {
    const Instance &it = *static_cast<const Instance *>(ctx);
    if (layer < 0 || layer >= static_cast<int32_t>(it.base_.layers.size())) return nullptr;
    if constexpr (HasPart<C>) return it.cache_->part(layer);
    return nullptr;
  }

  /// A cache that keeps nothing has no rows of its own: whatever is asked for is there.
  bool forgets_all() const {
    if constexpr (requires { typename C::keeps_nothing; }) return true;
    if constexpr (ForgetsByInstance<C>) return cache_->forgets();
    return false;
  }

  kvern_cache_ops table_{};
  kvern_parts_1 parts_{sizeof parts_, 0, this, part};
  InstanceBase base_;
  std::unique_ptr<C> cache_;
};

KVERN_SDK_END

// A cache around another cache. It forwards every call; a class that derives from it writes what differs.
#pragma once
#include <kvern/abi/window.h>

#include <kvern/sdk/inner.hpp>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/relay_host.hpp>
#include <memory>

KVERN_SDK_BEGIN

/// The base of a decorator: `class Mine : public Decorator<Mine>`. The inner cache is what the options `inner` (a plugin's
/// name) and `inner_config` (its options) say; it gets its memory through an H, which is yours to override. What the inner
/// cache offers is offered, no more. A copy holds a clone of the inner cache and shares the H; clone() is
/// `return std::unique_ptr<Mine>(new Mine(*this));`. A Self that names a class of this library, `using inner_class = C;`, has a
/// cache of that class inside instead, and its options.
template <class Self, class H = RelayHost>
class Decorator {
 public:
  static constexpr bool attends_other_queries = true;  // the inner cache decides
  static std::vector<Option> options() {
    if constexpr (kInnerClass) return detail::declared_options<typename Self::inner_class>();
    return {string_option("inner", "dynamic"), table_option("inner_config")};
  }

  explicit Decorator(const Create &create) : Decorator(create, options_of(create)) {}

  bool offers(Verb verb) const { return inner_.offers(verb); }
  void begin(const Step &step) { inner_.begin(step); }
  void view(int layer, kvern_view &view) { inner_.view(layer, view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    inner_.update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) { inner_.attend(request); }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) { inner_.state(layer, slot, read, write); }
  void end(int64_t n_keep) { inner_.end(n_keep); }
  void end_rows(Rows row_keep) { inner_.end_rows(row_keep); }
  void reset() { inner_.reset(); }
  void info(int layer, kvern_info &info) const { info = inner_.info(layer); }
  void gather(Rows rows) { inner_.gather(rows); }
  void append(const Self &from) { inner_.append(from.inner_); }
  void truncate(Rows row_pos) { inner_.truncate(row_pos); }
  void save(Writer &out) const { inner_.save(out); }
  void load(Reader &in) { inner_.load(in); }
  const kvern_cache *part(int) const { return inner_.raw(); }
  /// Positions and windows are the inner cache's.
  const void *extension(const char *id) const {
    const std::string_view asked(id);
    return asked == KVERN_POSITIONS_1 || asked == KVERN_WINDOW_1 ? inner_.extension(id) : nullptr;
  }

 protected:
  /// With other options for the inner cache than those of `inner_config`.
  Decorator(const Create &create, OptionItems inner_options)
      : host_(std::make_shared<H>(create.host)), inner_(make(create, host_->table(), inner_options)) {}
  Decorator(const Decorator &other) : host_(other.host_), inner_(other.inner_.clone()) {}

  /// Those of the inner cache.
  static OptionItems options_of(const Create &create) {
    if constexpr (kInnerClass) return {create.raw->options, create.raw->n_options};
    return create.options.table("inner_config");
  }

  H &host() { return *host_; }
  Inner &inner() { return inner_; }

 private:
  static constexpr int kMaxDepth = 4;

  /// Decorators of this class around each other, on this thread.
  class Nesting {
   public:
    Nesting() {
      if (++depth() <= kMaxDepth) return;
      --depth();
      fail(KVERN_INVALID_ARGUMENT, Self::name, " is inside of itself more than ", kMaxDepth,
           " deep: give the option 'inner' the name of a cache that holds keys");
    }
    ~Nesting() { --depth(); }
    Nesting(const Nesting &) = delete;

   private:
    static int &depth() {
      thread_local int depth = 0;
      return depth;
    }
  };

  static constexpr bool kInnerClass = requires { typename Self::inner_class; };

  static Inner make(const Create &create, const kvern_host *host, OptionItems options) {
    if constexpr (kInnerClass) {
      return Inner(host, *detail::plugin_table<typename Self::inner_class>(), *create.raw);
    } else {
      return make_named(create, host, options);
    }
  }

  static Inner make_named(const Create &create, const kvern_host *host, OptionItems options) {
    const Nesting nesting;
    kvern_create inner = *create.raw;
    inner.options = options.data();
    inner.n_options = static_cast<uint32_t>(options.size());
    const std::string_view name = create.options.string("inner");
    const kvern_plugin &plugin = Inner::find(create.host, name, options);
    try {
      return Inner(host, plugin, inner);
    } catch (const Failure &failure) {
      fail(failure.status(), "the inner cache '", name, "': ", failure.what());
    }
  }

  std::shared_ptr<H> host_;  // outlives the inner cache, and clones of it
  Inner inner_;
};

KVERN_SDK_END

// A cache that allocates its capacity at once, in pinned host memory: transformers' OffloadedStaticCache.
#include <kvern/sdk/offload/offloading.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

/// What the inner cache is created with: its own options and this cache's max_cache_len.
class InnerOptions {
 public:
  explicit InnerOptions(const sdk::Options &options) {
    const sdk::OptionItems written = options.table("inner_config");
    items_.assign(written.begin(), written.end());
    if (!options.is_written("max_cache_len")) return;
    for (const kvern_option *item : items_) {
      if (std::string_view(item->key) == "max_cache_len")
        sdk::fail(KVERN_INVALID_ARGUMENT,
                  "max_cache_len is written twice, here and in inner_config: leave one out");
    }
    length_ = sdk::integer_option("max_cache_len", options.integer("max_cache_len", 0));
    items_.push_back(&length_);
  }
  InnerOptions(const InnerOptions &) = delete;

  sdk::OptionItems items() const { return items_; }

 private:
  sdk::Option length_{};
  std::vector<const kvern_option *> items_;
};

class OffloadedStatic : public sdk::Offloading<OffloadedStatic> {
 public:
  static constexpr const char *name = "offloaded_static", *version = "1.0.0",
                              *summary =
                                  "keeps a static cache in host memory, two layers at a time on the device";

  static std::vector<sdk::Option> options() {
    return {sdk::string_option("inner", "static"), sdk::table_option("inner_config"),
            sdk::integer_option("max_cache_len", 0)};
  }

  explicit OffloadedStatic(const sdk::Create &create)
      : Offloading(create, InnerOptions(create.options).items()) {}

 private:
  friend class sdk::Offloading<OffloadedStatic>;
  OffloadedStatic(const OffloadedStatic &) = default;
};

}  // namespace

KVERN_PLUGIN(OffloadedStatic)

// The cache that allocates its capacity at once: when the number of rows is known nothing is allocated and nothing moves.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/key_cache.hpp>

namespace {

namespace sdk = kvern::sdk;

class Static : public sdk::KeyCache<sdk::Dense, sdk::KeepAll> {
 public:
  static constexpr const char *name = "static";
  static constexpr const char *version = "1.0.0";
  static constexpr bool runs_on_device = true;
  static constexpr const char *summary =
      "keeps every key and value, in memory that is taken once and never moves";

  static std::vector<sdk::Option> options() { return {sdk::integer_option("max_cache_len", 0)}; }

  explicit Static(const sdk::Create &create)
      : KeyCache(create, {.capacity = length(create), .preallocate = true}) {}

  std::unique_ptr<Static> clone() const { return std::unique_ptr<Static>(new Static(*this)); }

 private:
  Static(const Static &) = default;

  static int64_t length(const sdk::Create &create) {
    const int64_t written = create.options.integer("max_cache_len", 0);
    const int64_t length = written > 0 ? written : create.max_tokens;
    if (length > 0) return length;
    sdk::fail(KVERN_INVALID_ARGUMENT,
              "static needs the option 'max_cache_len': the host does not say how many tokens are to come");
  }
};

}  // namespace

KVERN_PLUGIN(Static)

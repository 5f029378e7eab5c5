// The cache that keeps everything and grows as the text does.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/key_cache.hpp>

namespace {

namespace sdk = kvern::sdk;

class Dynamic : public sdk::KeyCache<sdk::Dense, sdk::KeepAll> {
 public:
  static constexpr const char *name = "dynamic";
  static constexpr const char *version = "1.0.0";
  static constexpr bool runs_on_device = true;
  static constexpr const char *summary = "keeps every key and value, in memory that grows with the text";

  explicit Dynamic(const sdk::Create &create) : KeyCache(create, {.expected_slots = create.max_tokens}) {}

  std::unique_ptr<Dynamic> clone() const { return std::unique_ptr<Dynamic>(new Dynamic(*this)); }

 private:
  Dynamic(const Dynamic &) = default;
};

}  // namespace

KVERN_PLUGIN(Dynamic)

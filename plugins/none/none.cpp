// The cache that keeps nothing: every step brings the whole text again. The baseline of every comparison of caches.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/key_cache.hpp>

namespace {

namespace sdk = kvern::sdk;

/// Inside a step it holds the step's keys and values, for layers that share them.
class None : public sdk::KeyCache<sdk::Dense, sdk::KeepAll> {
 public:
  using keeps_nothing = void;
  static constexpr const char *name = "none";
  static constexpr const char *version = "1.0.0";
  static constexpr bool runs_on_device = true;
  static constexpr const char *summary = "keeps nothing: the whole text is computed again for every token";

  explicit None(const sdk::Create &create) : KeyCache(create, {.no_growth = true}) {}

  void end(int64_t) { forget(); }
  void end_rows(sdk::Rows) { forget(); }

  // No rows are held: these verbs exist so that beam search needs no special case for this cache.
  void gather(sdk::Rows) {}
  void append(const None &) {}
  void truncate(sdk::Rows) {}
  void save(sdk::Writer &) const {}
  void load(sdk::Reader &) {}
  std::unique_ptr<None> clone() const { return std::unique_ptr<None>(new None(*this)); }

 private:
  None(const None &) = default;
};

}  // namespace

KVERN_PLUGIN(None)

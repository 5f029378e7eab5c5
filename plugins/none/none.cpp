// The cache that keeps nothing: every step brings the whole text again. The baseline of every talk about
// caches.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {

namespace sdk = kvern::sdk;

/// Inside a step it holds the step's own keys and values, for layers that read those of another.
class None : public sdk::SlotCache<sdk::DenseLayer> {
 public:
  using keeps_nothing = void;
  static constexpr const char *name = "none";
  static constexpr const char *version = "1.0.0";
  static constexpr const char *summary = "keeps nothing: the whole text is computed again for every token";

  explicit None(const sdk::Create &create) : SlotCache(create, {.exact = true}) {}

  void end(int64_t) { forget(); }
  void end_rows(sdk::Rows) { forget(); }

  // There are no rows to work on, so that beam search and the like need not know of this cache.
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

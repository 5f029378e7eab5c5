// A slot of memory for each row, contiguous and of fixed size: rows of different lengths join and leave, and the slot of a row
// that has left is used by the next one.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/row_attention.hpp>

namespace {

namespace sdk = kvern::sdk;

class Batching : public sdk::AttendingRowCache {
 public:
  static constexpr const char *name = "batching", *version = "1.0.0",
                              *summary = "keeps each row in a slot of its own, which the next row uses again";
  static std::vector<sdk::Option> options() { return {sdk::integer_option("max_cache_len", 0)}; }

  explicit Batching(const sdk::Create &create) : Batching(create, max_cache_len(create)) {}

  std::unique_ptr<Batching> clone() const { return std::unique_ptr<Batching>(new Batching(*this)); }

 private:
  Batching(const sdk::Create &create, int64_t tokens)
      : AttendingRowCache(
            create,
            {.block_slots = rounded_up(tokens), .capacity = tokens, .recycle = true, .share = false}) {}
  Batching(const Batching &) = default;

  static int64_t rounded_up(int64_t tokens) {
    constexpr int64_t unit = kvern::kernels::block_alignment;
    return (tokens + unit - 1) / unit * unit;
  }
  static int64_t max_cache_len(const sdk::Create &create) {
    const int64_t written = create.options.integer("max_cache_len", 0, int64_t{1} << 40);
    const int64_t tokens = written > 0 ? written : create.max_tokens;
    if (tokens > 0) return tokens;
    sdk::fail(
        KVERN_INVALID_ARGUMENT,
        "batching needs the option 'max_cache_len', the tokens of a row at most: the host does not say how "
        "many are to come");
  }
};

}  // namespace

KVERN_PLUGIN(Batching)

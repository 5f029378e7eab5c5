// Rows as lists of blocks that count their references (PagedAttention, Kwon et al. 2023): clones, reordered beams and shared
// prefixes copy no keys, and attention reads the blocks in place.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/row_attention.hpp>

namespace {

namespace sdk = kvern::sdk;

class Paged : public sdk::AttendingRowCache {
 public:
  static constexpr const char *name = "paged", *version = "1.0.0",
                              *summary = "keeps rows in blocks that rows and clones share until they write";
  static std::vector<sdk::Option> options() { return {sdk::integer_option("block_size", 256)}; }

  explicit Paged(const sdk::Create &create)
      : AttendingRowCache(create, {.block_slots = block_size(create)}) {}

  std::unique_ptr<Paged> clone() const { return std::unique_ptr<Paged>(new Paged(*this)); }

 private:
  Paged(const Paged &) = default;

  static int64_t block_size(const sdk::Create &create) {
    constexpr int64_t unit = kvern::kernels::block_alignment;
    const int64_t size = create.options.integer("block_size", unit, 65536), rest = size % unit;
    if (rest == 0) return size;
    sdk::fail(KVERN_INVALID_ARGUMENT, "option 'block_size' is ", size, ": it must be a multiple of ", unit,
              ", as ", size - rest, " and ", size - rest + unit, " are");
  }
};

}  // namespace

KVERN_PLUGIN(Paged)

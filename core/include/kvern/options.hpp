// Options of a cache as a tree of values, and their form at the border to a plugin.
#pragma once
#include <kvern/abi/cache_abi.h>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kvern {

struct Option;
using OptionTable = std::vector<std::pair<std::string, Option>>;  ///< in the order of the file
using OptionArray = std::vector<Option>;

/// A value, with the place it was read from ("run.toml:12", "--set cache_config.nbits=4") for messages; "" =
/// unknown.
struct Option {
  std::variant<bool, int64_t, double, std::string, OptionTable, OptionArray> value;
  std::string place;
};

// clang 14 with libstdc++ 12 must see an Option made and destroyed before it first looks into a table's pairs.
static_assert(sizeof(Option{}) > 0);

/// The tree as the C structs that kvern_create wants; owns them, and is neither copied nor moved while they
/// are in use.
class AbiOptions {
 public:
  explicit AbiOptions(const OptionTable &table);
  ~AbiOptions();
  AbiOptions(AbiOptions &&) noexcept;
  const kvern_option *const *data() const;
  uint32_t size() const;

 private:
  struct Storage;
  std::unique_ptr<Storage> storage_;
};

/// From the border back to a tree.
OptionTable from_abi(const kvern_option *const *options, uint32_t n_options);

}  // namespace kvern

// Plugin tables of any contents: sizes, versions, strings and options that are NULL, nested, of unknown types. A table is
// refused with one message, or everything in it can be read: its options, their defaults, and an option of the user.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <kvern/abi/cache_abi.h>
#include <kvern/options.hpp>
#include <kvern/plugin_registry.hpp>
#include <string>
#include <vector>

#include "core/host/build_string.hpp"
#include "core/host/plugin_checks.hpp"

namespace {

/// Builds C structs from bytes; owns what they point to.
class TableBuilder {
 public:
  TableBuilder(const uint8_t *data, size_t size) : data_(data), size_(size) {}

  kvern_plugin table() {
    kvern_plugin plugin{};
    plugin.struct_size = small() == 0 ? number() : sizeof plugin;
    plugin.abi_major = small() == 0 ? number() : KVERN_ABI_MAJOR;
    plugin.abi_minor = small();
    plugin.name = small() == 0 ? string() : "fuzzed";
    plugin.version = string();
    plugin.summary = string();
    plugin.build = small() == 0 ? string() : "";
    plugin.n_options = small() % 8;
    plugin.options = small() == 0 ? nullptr : options(plugin.n_options, 0);
    plugin.create = small() == 0 ? nullptr : create;
    return plugin;
  }

 private:
  static kvern_status create(const kvern_host *, const kvern_create *, kvern_cache **, kvern_error *) {
    return KVERN_OK;
  }

  uint8_t byte() {
    if (size_ == 0) return 1;
    --size_;
    return *data_++;
  }
  uint32_t small() { return byte() % 16; }
  uint32_t number() { return static_cast<uint32_t>(byte() << 24 | byte() << 16 | byte() << 8 | byte()); }

  const char *string() {
    const uint32_t length = small();
    if (length == 15) return nullptr;
    std::string text;
    for (uint32_t i = 0; i < length; ++i) text += static_cast<char>(byte());
    return strings_.emplace_back(std::move(text)).c_str();
  }

  const kvern_option *const *options(uint32_t n, int depth) {
    std::vector<const kvern_option *> list;
    for (uint32_t i = 0; i < n; ++i) list.push_back(small() == 0 ? nullptr : option(depth));
    return lists_.emplace_back(std::move(list)).data();
  }

  const kvern_option *option(int depth) {
    kvern_option &made = made_.emplace_back();
    made.struct_size = small() == 0 ? number() : sizeof made;
    made.type = small() == 0 ? static_cast<int32_t>(number()) : static_cast<int32_t>(small() % 6);
    made.key = string();
    made.i = static_cast<int64_t>(number()) << small();
    std::memcpy(&made.f, &made.i, sizeof made.f);
    made.s = string();
    made.n_items = depth < 40 ? small() % 4 : 0;
    const bool nested = made.n_items > 0 && small() != 0;
    made.items = nested ? options(made.n_items, depth + 1) : nullptr;
    return &made;
  }

  const uint8_t *data_;
  size_t size_;
  std::deque<std::string> strings_;
  std::deque<std::vector<const kvern_option *>> lists_;
  std::deque<kvern_option> made_;
};

void use(const kvern_plugin &plugin) {
  const kvern::OptionTable defaults = kvern::from_abi(plugin.options, plugin.n_options);
  if (defaults.size() != plugin.n_options) std::abort();
  try {
    kvern::check_options(plugin, defaults);
    kvern::check_options(plugin, {{"nbits", {int64_t{4}, "run.toml:1"}}});
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::config) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  TableBuilder builder(data, size);
  const kvern_plugin plugin = builder.table();
  try {
    kvern::check_table(plugin, "fuzzed", "libkvern_fuzzed.so");
    use(plugin);
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::plugin) std::abort();
  }
  return 0;
}

// Makes a plugin of a cache class: KVERN_PLUGIN(Class), once per library, in one source file.
#pragma once
#include <kvern/sdk/instance.hpp>

KVERN_SDK_BEGIN

namespace detail {

template <CacheClass C>
const kvern_plugin *plugin_table();

inline void check_host(const kvern_host &host) {
  const bool usable = KVERN_HAS(&host, kvern_host, alloc) && KVERN_HAS(&host, kvern_host, release) &&
                      KVERN_HAS(&host, kvern_host, map);
  if (!usable) fail(KVERN_INVALID_ARGUMENT, "the host offers no memory: alloc, release and map are required");
}

/// A class that moves its memory through the SDK alone, or through kvern.device/1, says so:
/// `static constexpr bool runs_on_device = true;`.
template <class C>
void check_device(DLDevice device) {
  if constexpr (requires { requires C::runs_on_device; }) return;
  if (device.device_type == kDLCPU) return;
  fail(KVERN_UNSUPPORTED, C::name,
       " works on keys in the memory of the CPU; it does not run on another device");
}

template <CacheClass C>
kvern_status create(const kvern_host *host, const kvern_create *create, kvern_cache **out,
                    kvern_error *error) noexcept {
  return guarded(error, [&] {
    check_host(*host);
    const kvern_create ours = known_part(*create);
    check_device<C>(ours.device);
    Layers layers;
    for (uint32_t i = 0; i < ours.n_layers; ++i) layers.push_back(read_layer(*ours.layers[i], i));
    const Options options({ours.options, ours.n_options}, declared_options<C>());
    const Create request{Host(host, ours.device), std::move(layers), options,     ours.dtype, ours.max_rows,
                         ours.max_tokens,         ours.max_cross,    ours.stream, &ours};
    Instance<C>::make(plugin_table<C>(), request, out);
  });
}

template <CacheClass C>
const char *build_of() {
  if constexpr (requires { C::build; }) return C::build;
  return "";
}

template <CacheClass C>
kvern_plugin *make_plugin_table() {
  static auto &pointers = *new std::vector<const kvern_option *>;  // static lifetime, as the table
  for (const Option &option : declared_options<C>()) pointers.push_back(&option);
  auto *table = new kvern_plugin{};
  table->struct_size = sizeof *table;
  table->abi_major = KVERN_ABI_MAJOR;
  table->abi_minor = KVERN_ABI_MINOR;
  table->n_options = static_cast<uint32_t>(pointers.size());
  table->name = C::name;
  table->version = C::version;
  table->summary = C::summary;
  table->build = build_of<C>();
  table->options = pointers.data();
  table->create = create<C>;
  return table;
}

template <CacheClass C>
const kvern_plugin *plugin_table() {
  static const kvern_plugin *const table = make_plugin_table<C>();
  return table;
}

/// For KVERN_PLUGIN: where the class is none, check_required has said so.
template <class C>
const kvern_plugin *table_of() {
  if constexpr (CacheClass<C>) return plugin_table<C>();
  return nullptr;
}

}  // namespace detail

KVERN_SDK_END

/// Exports the plugin whose caches are objects of the class (a CacheClass, see verbs.hpp). A missing or wrong member is one static
/// assertion.
#define KVERN_PLUGIN(...)                                                                   \
  static_assert(::kvern::sdk::detail::check_required<__VA_ARGS__>());                       \
  extern "C" __attribute__((visibility("default"))) const kvern_plugin *kvern_plugin_entry( \
      const kvern_host *) {                                                                 \
    return ::kvern::sdk::detail::table_of<__VA_ARGS__>();                                   \
  }

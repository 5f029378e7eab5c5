// Header and checksum of a saved cache: plugin, layers, type. The contents are the class's.
#pragma once
#include <kvern/sdk/layers.hpp>
#include <kvern/sdk/stream.hpp>

KVERN_SDK_BEGIN

namespace detail {
/// "kncache2"; the last byte is the version of header and checksum.
constexpr uint64_t kSavedMagic = 0x3265686361636E6Bull, kSavedVersion = uint64_t{0xFF} << 56;

/// What must be equal on both sides, as numbers in a fixed order.
template <class Visit>
void visit_layers(const Layers &layers, DLDataType type, Visit visit) {
  visit("type code", type.code);
  visit("type bits", type.bits);
  visit("type lanes", type.lanes);
  visit("layers", static_cast<int64_t>(layers.size()));
  for (const Layer &layer : layers) {
    visit("layer kind", layer.kind);
    visit("layer flags", layer.flags);
    visit("kv_heads", layer.kv_heads);
    visit("head_dim_k", layer.head_dim_k);
    visit("head_dim_v", layer.head_dim_v);
    visit("window", layer.window);
    visit("states", static_cast<int64_t>(layer.states.size()));
    for (const StateShape &state : layer.states) {
      visit("state type code", state.type.code);
      visit("state type bits", state.type.bits);
      visit("state elements", state.elements());
    }
  }
}
}  // namespace detail

/// `format` is the class's own version of its contents.
inline void write_header(Writer &out, const char *plugin, int64_t format, const Layers &layers,
                         DLDataType type) {
  out.number(detail::kSavedMagic);
  out.string(plugin);
  out.number(format);
  detail::visit_layers(layers, type, [&](const char *, int64_t value) { out.number(value); });
}

inline void read_header(Reader &in, const char *plugin, int64_t format, const Layers &layers,
                        DLDataType type) {
  if (const auto magic = in.number<uint64_t>(); magic != detail::kSavedMagic) {
    const bool other = ((magic ^ detail::kSavedMagic) & ~detail::kSavedVersion) == 0;
    fail(KVERN_BAD_DATA,
         other ? "the cache was saved by another version of the SDK" : "this is not a saved cache");
  }
  const std::string name = in.string(256);
  if (name != plugin)
    fail(KVERN_BAD_DATA, "the cache was saved by the plugin '", name, "', this is '", plugin, "'");
  in.expect("format", format);
  detail::visit_layers(layers, type, [&](const char *what, int64_t value) { in.expect(what, value); });
}

inline void write_check_sum(Writer &out) { out.number(out.check_sum()); }

inline void read_check_sum(Reader &in) {
  const uint64_t expected = in.check_sum();
  if (in.number<uint64_t>() != expected)
    fail(KVERN_BAD_DATA, "the saved cache is damaged: its check sum is wrong");
}

KVERN_SDK_END

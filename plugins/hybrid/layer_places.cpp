#include "plugins/hybrid/layer_places.hpp"

#include <charconv>
#include <span>

#include "plugins/hybrid/layer_names.hpp"

namespace kvern::hybrid {
namespace {

constexpr const char *kKinds[] = {"cpu", "cuda", "rocm"};
constexpr DLDeviceType kTypes[] = {kDLCPU, kDLCUDA, kDLROCM};

/// All of `text`, or false.
bool read_number(std::string_view text, int64_t &number) {
  const char *end = text.data() + text.size();
  const auto [rest, wrong] = std::from_chars(text.data(), end, number);
  return wrong == std::errc() && rest == end && number >= 0;
}

[[noreturn]] void refuse_place(const kvern_option &item) {
  sdk::fail(KVERN_INVALID_ARGUMENT, "layer_device_map puts '", item.key, "' on ",
            item.type == KVERN_STRING ? sdk::text("'", item.s, "'") : std::string("no device"),
            ": a place is \"cpu\", \"cuda\", \"cuda:1\", \"rocm:0\", or the number of a CUDA device");
}

DLDevice place_of(const kvern_option &item) {
  if (item.type == KVERN_INT && item.i >= 0 && item.i < 1024) return {kDLCUDA, static_cast<int32_t>(item.i)};
  if (item.type != KVERN_STRING) refuse_place(item);
  const std::string_view text = item.s, kind = text.substr(0, text.find(':'));
  int64_t id = 0;
  if (kind.size() < text.size() && (!read_number(text.substr(kind.size() + 1), id) || id > 1023))
    refuse_place(item);
  for (std::size_t i = 0; i < std::size(kKinds); ++i)
    if (kind == kKinds[i] && (id == 0 || kTypes[i] != kDLCPU)) return {kTypes[i], static_cast<int32_t>(id)};
  refuse_place(item);
}

/// "3" or "0-3".
std::pair<int64_t, int64_t> range_of(const kvern_option &item, const sdk::Layers &layers) {
  const std::string_view key = item.key;
  const std::size_t dash = key.find('-');
  int64_t first = 0, last = 0;
  const bool read = dash == std::string_view::npos
                        ? read_number(key, first) && read_number(key, last)
                        : read_number(key.substr(0, dash), first) && read_number(key.substr(dash + 1), last);
  if (!read || first > last)
    sdk::fail(KVERN_INVALID_ARGUMENT, "layer_device_map has the key '", key,
              "': a key is the number of a layer, or the first and the last one as \"0-3\"");
  if (last >= std::ssize(layers))
    sdk::fail(KVERN_INVALID_ARGUMENT, "layer_device_map names layer ", last,
              layers.empty() ? std::string(" of a model without layers")
                             : sdk::text(": the model has layers 0 to ", layers.size() - 1));
  return {first, last};
}

/// A place that the host cannot make memory on is refused now, not in the first step.
void require_memory(const sdk::Host &host, DLDevice place, std::span<const int> layers) {
  int64_t size = 1;
  const DLTensor prototype{nullptr, place, 1, {kDLUInt, 8, 1}, &size, nullptr, 0};
  kvern_buffer *buffer = nullptr;
  kvern_error error = sdk::empty_error();
  if (host.table()->alloc(host.table()->ctx, &prototype, -1, &buffer, &error) == KVERN_OK)
    return host.table()->release(host.table()->ctx, buffer);
  sdk::fail(KVERN_UNSUPPORTED, "layer_device_map puts ", layers_text(layers), " on ", place_text(place),
            ": this host has no memory there (", error.message, "); it has ", place_text(host.device()),
            host.device().device_type == kDLCPU ? "" : " and cpu");
}

}  // namespace

std::string place_text(DLDevice device) {
  for (std::size_t i = 0; i < std::size(kKinds); ++i)
    if (device.device_type == kTypes[i])
      return device.device_type == kDLCPU ? kKinds[i] : sdk::text(kKinds[i], ":", device.device_id);
  return sdk::text("device type ", int{device.device_type});
}

std::vector<DLDevice> places_of(const sdk::Create &create) {
  std::vector<DLDevice> places(create.layers.size(), create.host.device());
  std::vector<char> named(places.size(), 0);
  for (const kvern_option *item : create.options.table("layer_device_map")) {
    const DLDevice place = place_of(*item);
    const auto [first, last] = range_of(*item, create.layers);
    std::vector<int> layers;
    for (int64_t i = first; i <= last; ++i) {
      if (named[static_cast<std::size_t>(i)]++)
        sdk::fail(KVERN_INVALID_ARGUMENT, "layer_device_map names layer ", i,
                  " twice: a layer has one place");
      places[static_cast<std::size_t>(i)] = place;
      layers.push_back(static_cast<int>(i));
    }
    if (!same_place(place, create.host.device())) require_memory(create.host, place, layers);
  }
  return places;
}

}  // namespace kvern::hybrid

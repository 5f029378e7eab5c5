#include "plugins/paged/settings.hpp"

#include <algorithm>

#include "kernels/attention_blocks.hpp"

namespace kvern::paged {
namespace {

constexpr int64_t kPackedTokens = 64;  // of the kernels' packed blocks, at least
constexpr const char *kPackingOptions[] = {"axis_key", "axis_value", "q_group_size", "residual_length"};

quant::Axis axis_of(const sdk::Options &options, const char *key) {
  return options.integer_of(key, {0, 1, -1}) == 0 ? quant::Axis::token : quant::Axis::channel;
}

int64_t block_size(const sdk::Options &options, int64_t unit, const char *why) {
  const int64_t size = options.integer("block_size", unit, 65536), rest = size % unit;
  if (rest == 0) return size;
  sdk::fail(KVERN_INVALID_ARGUMENT, "option 'block_size' is ", size, ": it must be a multiple of ", unit, why,
            ", as ", size - rest, " and ", size - rest + unit, " are");
}

void read_packing(const sdk::Options &options, Settings &settings) {
  settings.key.axis = axis_of(options, "axis_key");
  settings.value.axis = axis_of(options, "axis_value");
  settings.key.group = settings.value.group = options.integer_of("q_group_size", {16, 32, 64, 128, 256});
  settings.residual_length = options.integer("residual_length", 0, int64_t{1} << 24);
}

}  // namespace

bool Settings::same_format(const Settings &other) const {
  const auto same = [](const quant::TensorFormat &a, const quant::TensorFormat &b) {
    return a.bits == b.bits && a.axis == b.axis && a.group == b.group;
  };
  return same(key, other.key) && same(value, other.value);
}

std::vector<sdk::Option> declared_options() {
  return {sdk::integer_option("block_size", 256),  sdk::integer_option("nbits", 0),
          sdk::integer_option("axis_key", 0),      sdk::integer_option("axis_value", 0),
          sdk::integer_option("q_group_size", 64), sdk::integer_option("residual_length", 128)};
}

Settings read_settings(const sdk::Options &options) {
  Settings settings;
  const int64_t bits = options.integer_of("nbits", {0, 8, 4, 3, 2, 1});
  settings.packs = bits > 0;
  settings.key.bits = settings.value.bits = static_cast<int>(bits);
  for (const char *key : kPackingOptions) {
    if (!settings.packs && options.is_written(key))
      sdk::fail(KVERN_INVALID_ARGUMENT, "option '", key,
                "' says how blocks are packed: it needs nbits, 8, 4, 3, 2 or 1");
  }
  if (settings.packs) read_packing(options, settings);
  const bool by_channel = settings.packs && (settings.key.axis == quant::Axis::channel ||
                                             settings.value.axis == quant::Axis::channel);
  const int64_t packed = std::max(kPackedTokens, by_channel ? settings.key.group : 0);
  settings.block_size = block_size(options, settings.packs ? packed : kernels::block_alignment,
                                   settings.packs ? " where blocks are packed" : "");
  return settings;
}

}  // namespace kvern::paged

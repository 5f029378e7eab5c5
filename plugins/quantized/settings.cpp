#include "plugins/quantized/settings.hpp"

#include <kvern/sdk/kernel_call.hpp>
#include <stdexcept>

namespace kvern::quantized {
namespace {

constexpr int64_t kLongestResidual = int64_t{1} << 24;

int bits_of(const sdk::Options &options, const char *key) {
  const std::string_view own(key);
  if (own != "nbits" && !options.is_written(own)) key = "nbits";
  return static_cast<int>(options.integer_of(key, {8, 4, 3, 2, 1}));
}

quant::Axis axis_of(const sdk::Options &options, const char *key) {
  return options.integer_of(key, {0, 1, -1}) == 0 ? quant::Axis::token : quant::Axis::channel;
}

quant::ComputeDtype arithmetic_of(std::string_view name) {
  if (name == "float32") return quant::ComputeDtype::f32;
  if (name == "bfloat16") return quant::ComputeDtype::bf16;
  if (name == "float16") return quant::ComputeDtype::f16;
  return quant::ComputeDtype::automatic;
}

quant::Search search_of(std::string_view name) {
  if (name == "none") return quant::Search::none;
  return name == "full" ? quant::Search::full : quant::Search::fast;
}

}  // namespace

std::vector<sdk::Option> declared_options() {
  return {sdk::integer_option("nbits", 4),
          sdk::integer_option("key_nbits", 0),
          sdk::integer_option("value_nbits", 0),
          sdk::integer_option("axis_key", 0),
          sdk::integer_option("axis_value", 0),
          sdk::integer_option("q_group_size", 64),
          sdk::integer_option("residual_length", 128),
          sdk::string_option("compute_dtype", "auto"),
          sdk::boolean_option("rotation", false),
          sdk::string_option("search", "fast")};
}

Settings read_settings(const sdk::Options &options) {
  Settings settings;
  options.integer_of("nbits", {8, 4, 3, 2, 1});
  settings.key.bits = bits_of(options, "key_nbits");
  settings.value.bits = bits_of(options, "value_nbits");
  settings.key.axis = axis_of(options, "axis_key");
  settings.value.axis = axis_of(options, "axis_value");
  settings.key.group = settings.value.group = options.integer_of("q_group_size", {16, 32, 64, 128, 256});
  settings.key.rotate = settings.value.rotate = options.boolean("rotation");
  settings.residual_length = options.integer("residual_length", 0, kLongestResidual);
  settings.arithmetic =
      arithmetic_of(options.string_of("compute_dtype", {"auto", "float32", "bfloat16", "float16"}));
  settings.search = search_of(options.string_of("search", {"fast", "full", "none"}));
  return settings;
}

quant::BlockFormat format_of(const Settings &settings, const sdk::Layer &layer) {
  quant::TensorFormat key = settings.key, value = settings.value;
  key.dim = layer.head_dim_k;
  value.dim = layer.head_dim_v;
  if (layer.values_in_keys() && (key.bits != value.bits || key.axis != value.axis))
    sdk::fail(KVERN_INVALID_ARGUMENT,
              "the model's values lie in its keys, so they are packed as these are: give value_nbits and "
              "axis_value the values of key_nbits and axis_key, or leave them out");
  try {
    if (layer.values_in_keys()) return quant::BlockFormat(key, layer.head_dim_v);
    return quant::BlockFormat(key, value);
  } catch (const std::invalid_argument &error) {
    sdk::fail(KVERN_INVALID_ARGUMENT, error.what());
  }
}

kernels::Dtype to_kernel(DLDataType type) {
  if (const auto found = sdk::find_kernel_type(type)) return *found;
  sdk::fail(KVERN_UNSUPPORTED, "quantized takes keys of type float32, bfloat16 or float16");
}

}  // namespace kvern::quantized

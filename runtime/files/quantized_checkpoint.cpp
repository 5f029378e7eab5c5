// Each method leaves names of its own beside `weight`, or instead of it.
#include "runtime/files/quantized_checkpoint.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "runtime/support/printable.hpp"

namespace kvern::files {
namespace {

using Item = std::map<std::string, TensorEntry>::value_type;

struct NameRule {
  std::string_view suffix;
  std::string_view method;
};

// In the order in which they are tried: the first that fits any tensor decides.
constexpr NameRule kNameRules[] = {
    {".g_idx", "GPTQ"},
    {".qzeros", "AWQ or GPTQ"},
    {".qweight", "AWQ or GPTQ"},
    {".SCB", "bitsandbytes, 8 bits"},
    {".quant_state.bitsandbytes__nf4", "bitsandbytes, NF4"},
    {".quant_state.bitsandbytes__fp4", "bitsandbytes, FP4"},
    {".absmax", "bitsandbytes, 4 bits"},
    {".weight_packed", "compressed-tensors"},
    {".W_q", "HQQ"},
    {".codebooks", "AQLM"},
    {".weight._data", "quanto"},
    {"_proj_blocks", "MXFP4"},
    {".weight_scale_inv", "FP8"},
    {".scales", "MLX"},
    {".weight_scale", "compressed-tensors"},
};

bool is_float8(const Item &item) {
  return item.second.dtype == Dtype::f8_e4m3 || item.second.dtype == Dtype::f8_e5m2;
}

std::string described(std::string_view method, const Item &item) {
  return std::string(method) + " (tensor " + in_quotes(item.first) + ")";
}

// "4 bits" of `bits`, or of bitsandbytes' flags.
std::string bits_text(const JsonObject &config) {
  for (const char *key : {"bits", "w_bit", "nbits"}) {
    if (!config.has(key) || !config.raw()[key].is_number_integer()) continue;
    return ", " + std::to_string(config.integer(key)) + " bits";
  }
  return "";
}

bool is_true(const JsonObject &config, const char *key) {
  return config.has(key) && config.raw()[key] == true;
}

std::string method_text(const JsonObject &config) {
  if (config.is_string("quant_method")) return in_quotes(config.string("quant_method"));
  if (is_true(config, "load_in_4bit")) return "'bitsandbytes', 4 bits";
  if (is_true(config, "load_in_8bit")) return "'bitsandbytes', 8 bits";
  return config.has("group_size") ? "'mlx'" : "a method that it does not name";
}

/// 4 bits of GPTQ or AWQ.
void read_four_bits(const JsonObject &method, Quantization &to) {
  to.bits = method.integer("bits");
  if (to.bits != 4)
    method.fail("bits", "quantized with " + std::to_string(to.bits) +
                            " bits; of GPTQ and AWQ kvern reads 4 bits" + unquantized_advice());
  to.group_size = method.integer("group_size");
  if (to.group_size != -1 && (to.group_size <= 0 || to.group_size % 32 != 0))
    method.fail("group_size", "should be -1 or a multiple of 32, found " + std::to_string(to.group_size));
}

void read_gptq(const JsonObject &method, Quantization &to) {
  read_four_bits(method, to);
  const std::string format = method.string("checkpoint_format", "gptq");
  if (format != "gptq" && format != "gptq_v2")
    method.fail("checkpoint_format", "the format " + in_quotes(format) +
                                         " is not read; 'gptq' and 'gptq_v2' are" +
                                         did_you_mean(format, {"gptq", "gptq_v2"}));
  to.zeros_less_one = format == "gptq";
}

void read_awq(const JsonObject &method, Quantization &to) {
  read_four_bits(method, to);
  const std::string version = method.string("version", "gemm");
  if (version != "gemm" && version != "GEMM")
    method.fail("version", "the layout " + in_quotes(version) + " is not read; 'gemm' is");
}

void read_kvern(const JsonObject &method, Quantization &to) {
  to.bits = method.integer("bits");
  to.dtype = method.string("dtype", "");
  const int64_t format = method.integer("format", 1);
  if (format < 1 || format > kPackedFormat)
    method.fail("format", "packed weights of format " + std::to_string(format) + "; this kvern reads 1 to " +
                              std::to_string(kPackedFormat) +
                              ": quantize the model that this one was made from again");
}

struct Method {
  const char *name;
  QuantizationMethod method;
  void (*read)(const JsonObject &method, Quantization &to);
};
/// Those that kvern reads.
constexpr Method kMethods[] = {{"gptq", QuantizationMethod::gptq, read_gptq},
                               {"awq", QuantizationMethod::awq, read_awq},
                               {"kvern", QuantizationMethod::kvern, read_kvern}};

/// The method's settings, where kvern reads it.
std::optional<Quantization> read_method(const JsonObject &config) {
  if (!config.is_string("quant_method")) return std::nullopt;
  for (const Method &known : kMethods) {
    if (config.string("quant_method") != known.name) continue;
    Quantization to;
    to.method = known.method;
    known.read(config, to);
    return to;
  }
  return std::nullopt;
}

}  // namespace

std::string Quantization::text() const {
  const auto *known = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [this](const Method &one) { return one.method == method; });
  return in_quotes(known == std::end(kMethods) ? "none" : known->name) + ", " + std::to_string(bits) +
         " bits";
}

std::string unquantized_advice() {
  return "; kvern reads unquantized weights (F32, BF16, F16), its own (kvern quantize), GPTQ and AWQ: take "
         "the model that this one "
         "was made from";
}

Quantization read_quantization(const JsonObject &config) {
  for (const char *key : {"quantization_config", "quantization"}) {
    if (!config.is_object(key)) continue;
    const JsonObject method = config.object(key);
    if (method.keys().empty()) continue;
    if (const auto read = read_method(method)) return *read;
    config.fail(key, "the checkpoint is quantized with " + method_text(method) + bits_text(method) +
                         unquantized_advice());
  }
  return {};
}

std::string quantization_method(const std::map<std::string, TensorEntry> &tensors) {
  for (const NameRule &rule : kNameRules) {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const Item &item) { return item.first.ends_with(rule.suffix); });
    if (found != tensors.end()) return described(rule.method, *found);
  }
  const auto found = std::find_if(tensors.begin(), tensors.end(), is_float8);
  return found == tensors.end() ? "" : described("FP8", *found);
}

}  // namespace kvern::files

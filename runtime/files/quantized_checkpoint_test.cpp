#include "runtime/files/quantized_checkpoint.hpp"

#include "runtime/files/model_config.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern::files;

namespace {

std::string refusal(const std::string &fields) {
  return kvern::test::error_text(kvern::ErrorKind::model, [&] {
    ModelConfig::parse(R"({"model_type":"llama",)" + fields + "}", "config.json");
  });
}

std::string method_of(const std::vector<std::pair<std::string, Dtype>> &tensors) {
  std::map<std::string, TensorEntry> entries;
  for (const auto &[name, dtype] : tensors) entries[name].dtype = dtype;
  return quantization_method(entries);
}

}  // namespace

TEST_CASE("A quantized checkpoint is named by its configuration, with what would be right") {
  CHECK(refusal(R"("quantization_config":{"quant_method":"hqq","bits":4})") ==
        "config.json: quantization_config: the checkpoint is quantized with 'hqq', 4 bits; kvern reads "
        "unquantized weights (F32, BF16, F16), its own (kvern quantize), GPTQ and AWQ: take the model that "
        "this one "
        "was made from");
  const auto names = [](const std::string &fields, const std::string &method) {
    CHECK_THAT(refusal(fields), Catch::Contains("is quantized with " + method + ";"));
  };
  names(R"("quantization_config":{"quant_method":"bitsandbytes"})", "'bitsandbytes'");
  names(R"("quantization_config":{"quant_method":"fp8"})", "'fp8'");
  names(R"("quantization_config":{"quant_method":"compressed-tensors"})", "'compressed-tensors'");
  names(R"("quantization_config":{"quant_method":"hqq"})", "'hqq'");
  names(R"("quantization_config":{"load_in_4bit":true})", "'bitsandbytes', 4 bits");
  names(R"("quantization_config":{"load_in_8bit":true})", "'bitsandbytes', 8 bits");
  names(R"("quantization":{"group_size":64,"bits":4})", "'mlx', 4 bits");
  names(R"("quantization_config":{"bits":"x","version":1})", "a method that it does not name");
  CHECK(refusal(R"("quantization_config":null)") == "(no error)");
  CHECK(refusal(R"("quantization_config":{})") == "(no error)");
}

TEST_CASE("A quantized checkpoint is known by its tensors, where the configuration does not say so") {
  const std::string q = "model.layers.0.self_attn.q_proj";
  CHECK(method_of({{q + ".qweight", Dtype::i32}, {q + ".qzeros", Dtype::i32}, {q + ".scales", Dtype::f16}}) ==
        "AWQ or GPTQ (tensor '" + q + ".qzeros')");
  CHECK(method_of({{q + ".qweight", Dtype::i32}, {q + ".g_idx", Dtype::i32}}) ==
        "GPTQ (tensor '" + q + ".g_idx')");
  CHECK(method_of({{q + ".SCB", Dtype::f32}, {q + ".weight", Dtype::i8}}) ==
        "bitsandbytes, 8 bits (tensor '" + q + ".SCB')");
  CHECK(method_of({{q + ".weight.absmax", Dtype::u8}}) ==
        "bitsandbytes, 4 bits (tensor '" + q + ".weight.absmax')");
  CHECK(method_of({{q + ".weight", Dtype::u32}, {q + ".scales", Dtype::f16}, {q + ".biases", Dtype::f16}}) ==
        "MLX (tensor '" + q + ".scales')");
  CHECK(method_of({{q + ".weight", Dtype::f8_e4m3}}) == "FP8 (tensor '" + q + ".weight')");
  CHECK(method_of({{q + ".weight", Dtype::f8_e4m3}, {q + ".weight_scale_inv", Dtype::f32}}) ==
        "FP8 (tensor '" + q + ".weight_scale_inv')");
  CHECK(method_of({{q + ".weight_packed", Dtype::i32}, {q + ".weight_scale", Dtype::f16}}) ==
        "compressed-tensors (tensor '" + q + ".weight_packed')");
  CHECK(method_of({{q + ".W_q", Dtype::u8}}) == "HQQ (tensor '" + q + ".W_q')");
  CHECK(method_of({{q + ".weight", Dtype::bf16}, {q + ".bias", Dtype::bf16}}).empty());
}

TEST_CASE(
    "GPTQ, AWQ and kvern's own quantization are read with their settings, and what is not read of them is "
    "refused") {
  const auto read = [](const std::string &fields) {
    return ModelConfig::parse(R"({"model_type":"llama","quantization_config":{)" + fields + "}}",
                              "config.json")
        .quantization;
  };
  const Quantization gptq = read(R"("quant_method":"gptq","bits":4,"group_size":128,"desc_act":true)");
  CHECK(gptq.method == QuantizationMethod::gptq);
  CHECK(gptq.group_size == 128);
  CHECK(gptq.zeros_less_one);
  CHECK_FALSE(
      read(R"("quant_method":"gptq","bits":4,"group_size":-1,"checkpoint_format":"gptq_v2")").zeros_less_one);
  CHECK(read(R"("quant_method":"awq","bits":4,"group_size":64,"version":"gemm")").method ==
        QuantizationMethod::awq);
  CHECK(read(R"("quant_method":"kvern","bits":8)").bits == 8);
  CHECK(read(R"("quant_method":"kvern","bits":4,"format":3,"dtype":"bfloat16")").dtype == "bfloat16");
  CHECK_FALSE(ModelConfig::parse(R"({"model_type":"llama"})", "config.json").quantization);
  const auto refused = [](const std::string &fields, const std::string &text) {
    CHECK_THAT(refusal(R"("quantization_config":{)" + fields + "}"), Catch::Contains(text));
  };
  refused(R"("quant_method":"kvern","bits":4,"format":4)",
          "format: packed weights of format 4; this kvern reads 1 to 3: quantize the model that this one was "
          "made from again");
  refused(R"("quant_method":"gptq","bits":3,"group_size":128)",
          "bits: quantized with 3 bits; of GPTQ and AWQ kvern reads 4 bits");
  refused(R"("quant_method":"gptq","bits":4,"group_size":20)",
          "group_size: should be -1 or a multiple of 32, found 20");
  refused(R"("quant_method":"gptq","bits":4,"group_size":32,"checkpoint_format":"marlin")",
          "'marlin' is not read");
  refused(R"("quant_method":"awq","bits":4,"group_size":32,"version":"gemv")", "'gemv' is not read");
}

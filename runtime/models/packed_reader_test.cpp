// Weights of 8 and 4 bits: packed on load, written and mapped, and those of GPTQ and AWQ.
#include "core/torch/torch.hpp"
#include "runtime/models/packed_reader.hpp"

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/files/write_safetensors.hpp"
#include "runtime/models/load.hpp"
#include "runtime/models/quantize_folder.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/relative_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using testing::reference_model;
using testing::TinyModel;
namespace fs = std::filesystem;

namespace {

const testing::Ids kIds = {{5, 17, 130, 42, 99, 30, 7, 12, 50, 81}};

fs::path source_folder() {
  const char *root = std::getenv("KVERN_SOURCE_DIR");
  return root == nullptr ? "." : root;
}
fs::path quantized(const std::string &name) {
  return source_folder() / "tests" / "reference" / "quantized" / name;
}

LoadOptions packed_to(int bits, int64_t group = 0, int head_bits = 0, models::ReadRecord *record = nullptr) {
  LoadOptions options;
  options.packing.bits = bits;
  options.packing.group_size = group;
  options.packing.head_bits = head_bits;
  options.record = record;
  return options;
}

nlohmann::json json_of(const fs::path &path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

void write_json(const fs::path &path, const nlohmann::json &json) { std::ofstream(path) << json.dump(); }

/// Copies a folder, without some tensors.
void copy_without(const fs::path &from, const fs::path &to, const std::string &suffix) {
  const files::Weights weights = files::Weights::open(from);
  std::map<std::string, files::TensorView> tensors;
  for (const std::string &name : weights.names())
    if (!name.ends_with(suffix)) tensors[name] = weights.tensor(name);
  files::write_safetensors(to / "model.safetensors", tensors);
  fs::copy_file(from / "config.json", to / "config.json");
}

std::string refusal(const fs::path &folder, const LoadOptions &options = {}) {
  return test::error_text(ErrorKind::model, [&] { load_model(folder, options); });
}

/// Squared error of a packed matrix against the tensor that it was made of.
double squared_error(const kernels::PackedMatrix &packed, const files::TensorView &view) {
  std::vector<float> row(static_cast<size_t>(packed.k));
  double sum = 0.0;
  for (int64_t r = 0; r < packed.n; ++r) {
    kernels::dequantize_row(packed, r, row.data());
    for (int64_t c = 0; c < packed.k; ++c) {
      const double d = kernels::load_element(view.data, kernels::Dtype::bf16, r * packed.k + c) -
                       row[static_cast<size_t>(c)];
      sum += d * d;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("Models of every kind run with weights packed on load, close to what they say unpacked") {
  for (const char *name : {"llama", "gpt2", "phi3_longrope", "qwen3_moe", "gpt_oss", "deepseek_v3"}) {
    INFO(name);
    models::ReadRecord record;
    const at::Tensor want = testing::all_logits(*load_model(reference_model(name)), kIds);
    const auto packed = load_model(reference_model(name), packed_to(8, 0, 0, &record));
    CHECK(record.packed.size() > 4);
    CHECK(test::relative_error(testing::all_logits(*packed, kIds), want) < 0.1);
    CHECK(test::relative_error(testing::all_logits(*load_model(reference_model(name), packed_to(4)), kIds),
                               want) < 0.8);
  }
}

TEST_CASE("The built-in model's matrices lose less than Q8_0, Q4_0 and Q4_K lose of them, at as many bits") {
  const fs::path folder = source_folder() / "models" / "demo";
  const nlohmann::json gguf = json_of(quantized("gguf_errors.json"));
  const files::Weights weights = files::Weights::open(folder);
  for (const int bits : {8, 4}) {
    models::ReadRecord record;
    load_model(folder, packed_to(bits, 32, bits, &record));
    CHECK(record.packed.size() == gguf.size());
    for (const auto &[name, packed] : record.packed) {
      INFO(name << ", " << bits << " bits");
      CHECK(8 * packed.matrix.bytes() == packed.matrix.n * packed.matrix.k * (2 * bits + 1) / 2);
      const double theirs = gguf.at(name).at(bits == 8 ? "q8_0" : "q4_k").get<double>();
      CHECK(squared_error(packed.matrix, weights.tensor(name)) < theirs);
      if (bits == 4) CHECK(theirs < gguf.at(name).at("q4_0").get<double>());
    }
  }
}

TEST_CASE("A folder that was quantized says what the model says that is packed on load") {
  const test::TemporaryFolder folder;
  for (const char *name : {"llama", "qwen3_moe", "gpt_oss", "gpt2"}) {
    for (const int bits : {8, 4}) {
      INFO(name << ", " << bits << " bits");
      const fs::path out = folder / (std::string(name) + std::to_string(bits));
      const LoadOptions options = packed_to(bits, 32, bits);
      const QuantizeReport report = quantize_folder(reference_model(name), out, options.packing);
      CHECK(report.matrices > 4);
      const auto mapped = load_model(out), on_load = load_model(reference_model(name), options);
      CHECK(at::equal(testing::all_logits(*mapped, kIds), testing::all_logits(*on_load, kIds)));
      CHECK(mapped->info().parameters == on_load->info().parameters);
    }
  }
}

TEST_CASE(
    "A folder of 4 bits whose groups have no zeros, as kvern wrote it before, is read as it was written") {
  const test::TemporaryFolder folder;
  quantize_folder(reference_model("llama"), folder / "new", packed_to(4).packing);
  const files::Weights weights = files::Weights::open(folder / "new");
  std::map<std::string, files::TensorView> tensors;
  for (const std::string &name : weights.names()) {
    tensors[name] = weights.tensor(name);
    if (name.ends_with(".scales")) tensors[name].dtype = files::Dtype::f16;
  }
  fs::create_directory(folder / "old");
  files::write_safetensors(folder / "old" / "model.safetensors", tensors);
  nlohmann::json config = json_of(folder / "new" / "config.json");
  config["quantization_config"].erase("format");
  write_json(folder / "old" / "config.json", config);
  models::ReadRecord record;
  LoadOptions options;
  options.record = &record;
  load_model(folder / "old", options);
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  const kernels::PackedMatrix &packed = record.packed.at(name).matrix;
  const auto *scales = static_cast<const uint16_t *>(weights.tensor(name + ".scales").data);
  const auto *levels = static_cast<const uint8_t *>(weights.tensor(name + ".levels").data);
  REQUIRE(packed.bits == 4);
  std::vector<float> row(static_cast<size_t>(packed.k));
  kernels::dequantize_row(packed, 0, row.data());
  const int code = packed.codes[0] & 15;  // of the first element
  CHECK(row[0] == kernels::f16_to_f32(scales[0]) * static_cast<float>(levels[code] - levels[16]));
}

TEST_CASE("What cannot be packed is refused by name") {
  CHECK_THAT(refusal(reference_model("llama"), packed_to(4, 96)),
             Catch::Contains("inputs (hidden_size), which weights.group_size = 96 does not divide"));
  TinyModel model(reference_model("llama"));
  model.fill("model.layers.0.mlp.up_proj.weight", std::numeric_limits<float>::quiet_NaN());
  const test::TemporaryFolder folder;
  model.write(folder.path());
  CHECK_THAT(refusal(folder.path(), packed_to(4)),
             Catch::Contains("up_proj.weight' has elements that are not finite"));
}

TEST_CASE("A folder is not quantized twice, nor over another one") {
  const test::TemporaryFolder folder;
  const models::Packing packing = packed_to(4).packing;
  quantize_folder(reference_model("llama"), folder / "once", packing);
  const std::string twice = test::error_text(
      ErrorKind::model, [&] { quantize_folder(folder / "once", folder / "twice", packing); });
  CHECK_THAT(twice, Catch::Contains("the weights are quantized already ('kvern', 4 bits)"));
  CHECK_FALSE(fs::exists(folder / "twice"));
  const std::string over = test::error_text(
      ErrorKind::output, [&] { quantize_folder(reference_model("llama"), folder / "once", packing); });
  CHECK_THAT(over, Catch::Contains("exists already"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) ==
        1);  // nothing half-made
}

TEST_CASE("A head that is not the table of embeddings stays one where a folder is quantized") {
  const test::TemporaryFolder folder;
  const files::Weights weights = files::Weights::open(reference_model("t5"));
  std::map<std::string, files::TensorView> tensors;
  for (const std::string &name : weights.names()) tensors[name] = weights.tensor(name);
  tensors["lm_head.weight"] = tensors.at("shared.weight");
  const fs::path plain = folder.path() / "plain", packed = folder.path() / "packed";
  fs::create_directory(plain);
  files::write_safetensors(plain / "model.safetensors", tensors);
  fs::copy_file(reference_model("t5") / "config.json", plain / "config.json");
  quantize_folder(plain, packed / "", packed_to(8).packing);
  CHECK(load_model(packed)->info().parameters == load_model(plain)->info().parameters);
}

TEST_CASE("The head of an encoder-decoder model is packed as that of a decoder is") {
  for (const char *name : {"t5", "bart"}) {
    INFO(name);
    models::ReadRecord record;
    load_model(reference_model(name), packed_to(8, 0, 4, &record));
    const auto found = std::find_if(record.packed.begin(), record.packed.end(),
                                    [](const auto &one) { return one.second.matrix.bits == 4; });
    REQUIRE(found != record.packed.end());
    CHECK(found->second.matrix.n == load_model(reference_model(name))->info().vocab_size);
  }
}

TEST_CASE("A packed file that is cut short, or of other sizes, is refused") {
  const test::TemporaryFolder folder;
  quantize_folder(reference_model("llama"), folder / "q", packed_to(4).packing);
  nlohmann::json config = json_of(folder / "q" / "config.json");
  config["intermediate_size"] = config["intermediate_size"].get<int>() * 2;
  fs::copy(folder / "q", folder / "wider");
  write_json(folder / "wider" / "config.json", config);
  CHECK_THAT(refusal(folder / "wider"), Catch::Contains("but config.json asks for"));
  fs::create_directory(folder / "bare");
  copy_without(folder / "q", folder / "bare", "up_proj.weight.scales");
  CHECK_THAT(refusal(folder / "bare"), Catch::Contains("up_proj.weight.scales'"));
  fs::resize_file(folder / "q" / "model.safetensors",
                  fs::file_size(folder / "q" / "model.safetensors") - 1000);
  CHECK_THAT(refusal(folder / "q"), Catch::Contains("model.safetensors"));
}

TEST_CASE("Folders of GPTQ and AWQ give the ids of their dequantized weights") {
  for (const char *name : {"gptq", "gptq_act_order", "gptq_whole", "awq"}) {
    INFO(name);
    const nlohmann::json expected = json_of(quantized(name) / "expected.json");
    std::vector<int64_t> ids = expected["prompt"], next = expected["ids"];
    const size_t prompt = ids.size();
    ids.insert(ids.end(), next.begin(), next.end() - 1);
    const at::Tensor got = testing::all_logits(*load_model(quantized(name)), {ids}).argmax(-1).flatten();
    for (size_t i = 0; i < next.size(); ++i)
      CHECK(got[static_cast<int64_t>(prompt - 1 + i)].item<int64_t>() == next[i]);
  }
}

TEST_CASE("A GPTQ folder without its scales, or with groups of unequal size, is refused") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "bare");
  copy_without(quantized("gptq"), folder / "bare", "k_proj.scales");
  CHECK_THAT(refusal(folder / "bare"), Catch::Contains("k_proj.scales'"));
  TinyModel model(quantized("gptq_act_order"));
  model.add("model.layers.0.self_attn.k_proj.g_idx", {64});
  model.retype("model.layers.0.self_attn.k_proj.g_idx", files::Dtype::i32, {64});
  fs::create_directory(folder / "unequal");
  model.write(folder / "unequal");
  CHECK_THAT(refusal(folder / "unequal"), Catch::Contains("should give each of 2 groups 32 inputs"));
  CHECK_THAT(refusal(quantized("awq"), packed_to(4)), Catch::Contains("quantized already ('awq', 4 bits)"));
  fs::create_directory(folder / "groups");
  copy_without(quantized("awq"), folder / "groups", "none");
  nlohmann::json config = json_of(folder / "groups" / "config.json");
  config["quantization_config"]["group_size"] = 96;
  write_json(folder / "groups" / "config.json", config);
  CHECK_THAT(refusal(folder / "groups"),
             Catch::Contains("inputs cannot be in groups of 96 (quant_method 'awq')"));
}

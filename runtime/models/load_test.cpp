// What a folder may look like, and what is said of one that is wrong.
#include "runtime/models/load.hpp"

#include <algorithm>
#include <ctime>

#include "runtime/models/family.hpp"
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

namespace {

const testing::Ids kIds = {{5, 17, 230, 42, 99, 300, 7, 12, 250, 81}};

at::Tensor logits(const TinyModel &model, const LoadOptions &options = {}) {
  const test::TemporaryFolder folder;
  model.write(folder.path());
  return testing::all_logits(*load_model(folder.path(), options), kIds);
}

at::Tensor reference_logits(const std::string &name) {
  return testing::all_logits(*load_model(reference_model(name)), kIds);
}

// The refusal, without the folder's path in front.
std::string refusal(const TinyModel &model) {
  const test::TemporaryFolder folder;
  model.write(folder.path());
  std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  const size_t at = text.find(folder.path().string());
  return at == 0 ? text.substr(folder.path().string().size()) : text;
}

double largest_difference(const at::Tensor &a, const at::Tensor &b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace

TEST_CASE("Names may lack the model's prefix") {
  for (const auto &[name, prefix] : {std::pair("llama", "model."), std::pair("gpt2", "transformer.")}) {
    TinyModel model(reference_model(name));
    model.strip(prefix);
    CHECK(largest_difference(logits(model), reference_logits(name)) == 0);
  }
}

TEST_CASE("Tensors that the model does not use change nothing") {
  TinyModel llama(reference_model("llama"));
  llama.add("model.layers.0.self_attn.rotary_emb.inv_freq", {8});
  CHECK(largest_difference(logits(llama), reference_logits("llama")) == 0);
  TinyModel gpt2(reference_model("gpt2"));
  gpt2.add("transformer.h.0.attn.bias", {1, 1, 160, 160});
  CHECK(largest_difference(logits(gpt2), reference_logits("gpt2")) == 0);
}

TEST_CASE("A tied head's own tensor is not looked at") {
  TinyModel model(reference_model("qwen2_defaults"));
  model.add("lm_head.weight", {416, 48});
  CHECK(largest_difference(logits(model), reference_logits("qwen2_defaults")) == 0);
}

TEST_CASE("A missing tensor is named with its shape and the nearest name") {
  TinyModel model(reference_model("llama"));
  model.rename("model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.upproj.weight");
  CHECK(refusal(model) ==
        ": tensor 'model.layers.1.mlp.up_proj.weight' is missing; its shape would be [112, 64] "
        "(intermediate_size, "
        "hidden_size); did you mean 'model.layers.1.mlp.upproj.weight'?");
}

TEST_CASE("An untied head that is absent is missing") {
  TinyModel model(reference_model("llama"));
  model.erase("lm_head.weight");
  CHECK(refusal(model).find(": tensor 'lm_head.weight' is missing; its shape would be [400, 64] (vocab_size, "
                            "hidden_size)") == 0);
}

TEST_CASE("A tensor of another shape is refused with both shapes") {
  TinyModel model(reference_model("llama"));
  model.reshape("model.layers.0.self_attn.k_proj.weight", {64, 32});
  CHECK(refusal(model) ==
        ": tensor 'model.layers.0.self_attn.k_proj.weight' has the shape [64, 32], but config.json asks for "
        "[32, 64] "
        "(key heads * head_dim, hidden_size)");
  TinyModel fused(reference_model("gpt2"));
  fused.reshape("transformer.h.0.attn.c_attn.bias", {1, 192});
  CHECK(refusal(fused) ==
        ": tensor 'transformer.h.0.attn.c_attn.bias' has the shape [1, 192], but config.json asks for [192] "
        "(query "
        "heads * head_dim + key heads * head_dim + value heads * head_dim)");
}

TEST_CASE("A vocabulary that config.json counts otherwise is refused") {
  TinyModel model(reference_model("llama"));
  model.set("vocab_size", "384");
  CHECK(refusal(model) ==
        ": tensor 'model.embed_tokens.weight' has the shape [400, 64], but config.json asks for "
        "[384, 64] (vocab_size, hidden_size)");
}

TEST_CASE("A tensor that holds no floating-point numbers is refused") {
  TinyModel model(reference_model("llama"));
  model.retype("model.norm.weight", files::Dtype::i64, {64});
  CHECK(refusal(model) == ": tensor 'model.norm.weight' is of type I64; weights should be F32, BF16 or F16");
}

TEST_CASE("Architectures may be absent or name another class; the model type decides") {
  TinyModel model(reference_model("llama"));
  for (const char *architectures : {"", R"(["LLaMAForCausalLM"])", R"(["MistralForCausalLM"])"}) {
    model.set("architectures", architectures);
    CHECK(largest_difference(logits(model), reference_logits("llama")) == 0);
  }
}

TEST_CASE("An unknown model type is refused with the known ones and the nearest") {
  TinyModel model(reference_model("llama"));
  model.set("model_type", R"("lama")");
  const std::string text = refusal(model);
  CHECK(text.find("/config.json: model_type: the model type 'lama' is unknown; known are ") == 0);
  for (const models::Family *family : models::families()) CHECK(text.find(family->model_type) != text.npos);
  CHECK(text.find("did you mean 'llama'?") != text.npos);
  CHECK(text.find("a family is one file of runtime/models/families: the defaults of ") != text.npos);
}

TEST_CASE("A tensor that the index lists and its shard lacks is missed only where it is needed") {
  TinyModel model(reference_model("llama"));
  const test::TemporaryFolder folder;
  model.write_sharded(folder.path(), {"model.layers.0.self_attn.rotary_emb.inv_freq"}, {});
  CHECK(largest_difference(testing::all_logits(*load_model(folder.path()), kIds),
                           reference_logits("llama")) == 0);
  model.erase("model.norm.weight");
  model.write_sharded(folder.path(), {"model.norm.weight"}, {});
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  CHECK(text == folder.path().string() +
                    ": tensor 'model.norm.weight' is missing: model.safetensors.index.json places it in "
                    "model-1.safetensors, which does not hold it; its shape would be [64] (hidden_size)");
}

TEST_CASE("A tensor that a shard holds and the index does not list is read all the same") {
  TinyModel model(reference_model("llama"));
  const test::TemporaryFolder folder;
  model.write_sharded(folder.path(), {}, {"model.norm.weight"});
  CHECK(largest_difference(testing::all_logits(*load_model(folder.path()), kIds),
                           reference_logits("llama")) == 0);
}

TEST_CASE("What config.json asks for and cannot be had is refused") {
  TinyModel model(reference_model("llama"));
  SECTION("heads that do not share evenly") {
    model.set("num_key_value_heads", "3");
    CHECK(refusal(model) ==
          "/config.json: num_attention_heads: 4 should be a multiple of num_key_value_heads (3)");
  }
  SECTION("an activation") {
    model.set("hidden_act", R"("silo")");
    CHECK(refusal(model).find(
              "/config.json: hidden_act: the activation 'silo' is unknown; known are silu, ") == 0);
  }
  SECTION("a rotation") {
    model.set("rope_scaling", R"({"rope_type": "yarm", "factor": 4.0})");
    CHECK(refusal(model) ==
          "/config.json: rope_scaling.rope_type: the type 'yarm' is unknown; known are default, linear, "
          "dynamic, yarn, "
          "longrope, llama3; did you mean 'yarn'?");
  }
  SECTION("longrope's factors for another head") {
    model.set("rope_scaling", R"({"rope_type": "longrope", "short_factor": [1, 1], "long_factor": [2, 2]})");
    CHECK(refusal(model) ==
          "/config.json: rope_scaling: short_factor and long_factor have 2 numbers; they should have one for "
          "each of "
          "the 8 rotated pairs of a head");
  }
  SECTION("more layers than anyone has") {
    model.set("num_hidden_layers", "2000000000");
    CHECK(refusal(model) ==
          "/config.json: num_hidden_layers: 2000000000 layers are more than the 4096 supported");
  }
}

TEST_CASE("The same rounded weights in 16 bits and in 32 give the same logits") {
  for (const char *name : {"gpt2", "llama", "phi", "qwen2_defaults"}) {
    for (const auto &[dtype, tolerance] :
         {std::pair(files::Dtype::f16, 1e-5), std::pair(files::Dtype::bf16, 0.02)}) {
      INFO(name << " " << files::dtype_name(dtype));
      TinyModel narrow(reference_model(name)), wide(reference_model(name));
      narrow.round(dtype, false);
      wide.round(dtype, true);
      const at::Tensor want = logits(wide);
      // products with bf16 weights are those of numbers rounded to bf16
      CHECK(test::relative_error(logits(narrow), want) < tolerance);
    }
  }
}

// Where a sum in another order rounds an activation to the other side, the two differ by what bf16 can tell; else not.
TEST_CASE("With weights of 16 bits, tokens fed in pieces give the logits of one pass") {
  const testing::Ids ids = {{5, 17, 230, 42, 99, 300, 7, 12, 250, 81, 3, 64, 70, 71, 72, 73, 74, 75, 76, 77}};
  for (const files::Dtype dtype : {files::Dtype::f16, files::Dtype::bf16}) {
    int equal = 0, steps = 0;
    for (const char *name : {"gpt2", "llama", "phi", "qwen2_defaults"}) {
      INFO(name << " " << files::dtype_name(dtype));
      const test::TemporaryFolder folder;
      TinyModel narrow(reference_model(name));
      narrow.round(dtype, false);
      narrow.write(folder.path());
      const auto model = load_model(folder.path());
      const at::Tensor whole = testing::all_logits(*model, ids);
      testing::SmallCache cache(*model);
      testing::feed(*model, cache.get(), ids, 0, 12);
      for (int64_t t = 12; t < 20; ++t, ++steps) {
        const auto at = static_cast<size_t>(t);
        const at::Tensor step = testing::feed(*model, cache.get(), ids, at, at + 1);
        const double error = test::relative_error(step[0], whole[0].slice(0, t, t + 1));
        CHECK(error < 0.01);
        equal += error < 1e-5;
      }
    }
    CHECK(equal >= (dtype == files::Dtype::f16 ? steps : steps / 2));
  }
}

TEST_CASE("Weights are converted to the type that is asked for") {
  TinyModel bf16(reference_model("llama")), rounded(reference_model("llama"));
  bf16.round(files::Dtype::bf16, false);
  rounded.round(files::Dtype::bf16, true);
  LoadOptions as_f32, as_bf16;
  as_f32.dtype = Dtype::f32;
  as_bf16.dtype = Dtype::bf16;
  CHECK(largest_difference(logits(bf16, as_f32), logits(rounded)) == 0);
  CHECK(largest_difference(logits(TinyModel(reference_model("llama")), as_bf16), logits(bf16)) == 0);
  const auto model = load_model(reference_model("llama"), as_bf16);
  CHECK(model->info().dtype == Dtype::bf16);
  CHECK(model->info().weight_bytes == 2 * model->info().parameters);
}

namespace {

/// Processor seconds to load a mixture of so many experts, the best of three.
double load_seconds(int64_t experts) {
  TinyModel model(reference_model("qwen3_moe"));
  model.set("num_local_experts", std::to_string(experts));
  model.set("moe_intermediate_size", "1");
  for (const char *layer : {"0", "2"}) {
    const std::string mlp = std::string("model.layers.") + layer + ".mlp.";
    model.add(mlp + "gate.weight", {experts, 32});
    for (int64_t e = 0; e < experts; ++e) {
      const std::string expert = mlp + "experts." + std::to_string(e) + ".";
      model.add(expert + "gate_proj.weight", {1, 32});
      model.add(expert + "up_proj.weight", {1, 32});
      model.add(expert + "down_proj.weight", {32, 1});
    }
  }
  const test::TemporaryFolder folder;
  model.write(folder.path());
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t begin = std::clock();
    load_model(folder.path());
    best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return best;
}

}  // namespace

TEST_CASE("Loading takes time in proportion to the number of tensors") {
  const double few = load_seconds(500), many = load_seconds(4000);
  INFO(few << " s for 3,000 tensors of experts, " << many << " s for 24,000");
  CHECK(many < 20 * few);  // 8 times as many; a search through all for each would take 64 times as long
}

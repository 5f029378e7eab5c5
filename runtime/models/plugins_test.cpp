// Models through the caches that users have, found as they are found: the same logits whichever it is.
#include <kvern/plugin_registry.hpp>

#include <cstdlib>

#include "core/attention/attention_extension.hpp"
#include "core/torch/torch.hpp"
#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using testing::feed;
using testing::reference_model;

namespace {

const testing::Ids kRows = {{0, 0, 0, 0, 9, 8, 7, 6, 5, 44, 45},
                            {5, 17, 230, 42, 99, 300, 7, 12, 250, 81, 3}};
const testing::Ids kSmallIds = {{0, 0, 0, 0, 9, 8, 7, 6, 5, 44, 45},
                                {5, 17, 230, 42, 99, 200, 7, 12, 240, 81, 3}};  // of a vocabulary of 245
const std::vector<int64_t> kPadding = {4, 0};

/// `offers`: whose rotation the host offers, if not the model's.
Cache open(const Model &model, const std::string &name, Dtype dtype, const char *plugins = "plugins",
           const Model *offers = nullptr, const OptionTable &options = {}) {
  const auto host = std::make_shared<Host>();
  host->offer(KVERN_ATTENTION_1, attention_extension());
  (offers ? *offers : model).offer_extensions(*host);
  CacheSpec spec;
  spec.layers = model.layers();
  spec.dtype = dtype;
  spec.max_rows = 2;
  spec.max_tokens = 16;
  spec.options = options;
  const std::string folder = std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/" + plugins;
  return Cache::create(host, *find_plugin(name, {folder}).plugin, spec);
}

double largest_difference(const at::Tensor &a, const at::Tensor &b) {
  return (a.slice(1, 4) - b.slice(1, 4)).abs().max().item<double>();  // behind the padding
}

}  // namespace

TEST_CASE("Every family gives the same logits with the full cache and with none") {
  for (const char *name :
       {"gpt2", "llama", "llama_dynamic", "mistral", "phi", "phi3_longrope", "qwen2_defaults"}) {
    INFO(name);
    const auto model = load_model(reference_model(name));
    const at::Tensor want = testing::all_logits(*model, kRows, kPadding);
    for (const char *cache_name : {"dynamic", "none"}) {
      Cache cache = open(*model, cache_name, Dtype::f32);
      CHECK(largest_difference(feed(*model, cache, kRows, 0, 11, kPadding), want) < 1e-4);
    }
  }
}

TEST_CASE(
    "Mixtures, latent attention and parallel blocks give the same logits with the full cache and with none") {
  for (const char *name :
       {"mixtral", "qwen3_moe", "gpt_oss", "gpt_neox", "deepseek_v2", "deepseek_v3", "ministral3"}) {
    INFO(name);
    const auto model = load_model(reference_model(name));
    const at::Tensor want = testing::all_logits(*model, kSmallIds, kPadding);
    for (const char *cache_name : {"dynamic", "none"}) {
      Cache cache = open(*model, cache_name, Dtype::f32);
      CHECK(largest_difference(feed(*model, cache, kSmallIds, 0, 11, kPadding), want) < 1e-4);
    }
    Cache cache = open(*model, "dynamic", Dtype::f32);
    const at::Tensor first = feed(*model, cache, kSmallIds, 0, 6, kPadding);
    const at::Tensor rest = feed(*model, cache, kSmallIds, 6, 11, kPadding);
    CHECK(largest_difference(at::cat({first, rest}, 1), want) < 1e-4);
  }
}

TEST_CASE("The full cache continues where it ended, in every type of keys") {
  const auto model = load_model(reference_model("llama"));
  const at::Tensor want = testing::all_logits(*model, kRows, kPadding);
  for (const auto &[dtype, tolerance] :
       {std::pair(Dtype::f32, 1e-4), std::pair(Dtype::f16, 0.01), std::pair(Dtype::bf16, 0.08)}) {
    INFO(dtype_name(dtype));
    Cache cache = open(*model, "dynamic", dtype);
    const at::Tensor first = feed(*model, cache, kRows, 0, 6, kPadding);
    const at::Tensor rest = feed(*model, cache, kRows, 6, 11, kPadding);
    CHECK(largest_difference(at::cat({first, rest}, 1), want) < tolerance);
  }
}

TEST_CASE(
    "A cache of a model with latent attention holds the latent and the rotated key, and no expanded copy") {
  const auto model = load_model(reference_model("deepseek_v3"));
  Cache cache = open(*model, "dynamic", Dtype::f32);
  const int64_t latent = 12 + 8, layers = 3;  // kv_lora_rank + qk_rope_head_dim
  for (const LayerSpec &layer : cache.layers()) {
    CHECK(layer.flags == KVERN_VALUES_IN_KEYS);
    CHECK(layer.kv_heads * layer.head_dim_k == latent);
  }
  feed(*model, cache, kSmallIds, 0, 11, kPadding);
  CHECK(cache.info().bytes_used == 2 * 11 * latent * layers * 4);
}

TEST_CASE("A prompt whose latents are expanded gives the logits of one that is fed behind its first token") {
  for (const char *family : {"deepseek_v2", "deepseek_v3"}) {
    INFO(family);
    const auto model = load_model(reference_model(family));
    Cache whole = open(*model, "dynamic", Dtype::f32), parts = open(*model, "dynamic", Dtype::f32);
    const at::Tensor want = testing::all_logits(*model, kSmallIds, kPadding);
    CHECK(largest_difference(feed(*model, whole, kSmallIds, 0, 11, kPadding), want) < 1e-4);
    const at::Tensor first = feed(*model, parts, kSmallIds, 0, 1, kPadding);
    const at::Tensor rest = feed(*model, parts, kSmallIds, 1, 11, kPadding);
    CHECK(largest_difference(at::cat({first, rest}, 1), want) < 1e-4);
  }
}

TEST_CASE("A prompt of latents goes through a cache that attends itself, as its tokens one by one do") {
  const auto model = load_model(reference_model("deepseek_v3"));
  const OptionTable window{{"window_length", {int64_t{4}, ""}}, {"force", {true, ""}}};
  const auto open_window = [&] {
    return open(*model, "sliding_window", Dtype::f32, "plugins", nullptr, window);
  };
  Cache whole = open_window(), single = open_window();
  const at::Tensor got = feed(*model, whole, kSmallIds, 0, 11, kPadding);
  std::vector<at::Tensor> steps;
  for (int64_t i = 0; i < 11; ++i) steps.push_back(feed(*model, single, kSmallIds, i, i + 1, kPadding));
  CHECK(largest_difference(got, at::cat(steps, 1)) < 1e-4);
  CHECK(largest_difference(got, testing::all_logits(*model, kSmallIds, kPadding)) > 1e-3);
}

TEST_CASE(
    "Latents rotated to positions inside a window, by the cache or by the host, give the logits of the "
    "tokens that are held") {
  testing::TinyModel tiny(reference_model("deepseek_v3"));
  tiny.set("num_hidden_layers", "1");  // no key has seen more than its own token
  const test::TemporaryFolder folder;
  tiny.write(folder.path());
  const auto model = load_model(folder.path());
  const testing::Ids text = {kSmallIds[1]};
  const OptionTable window{{"window_length", {int64_t{6}, ""}}, {"num_sink_tokens", {int64_t{2}, ""}}};
  for (const auto &[name, plugins] :
       {std::pair("sink", "plugins"), std::pair("tiny_sink", "test_plugins/proof")}) {
    INFO(name);
    Cache cache = open(*model, name, Dtype::f32, plugins, nullptr, window);
    at::Tensor last = feed(*model, cache, text, 0, 4);
    for (int64_t i = 4; i < 11; ++i) last = feed(*model, cache, text, i, i + 1);
    const std::vector<int64_t> &ids = text[0];
    const at::Tensor want = testing::all_logits(*model, {{ids[0], ids[1], ids[7], ids[8], ids[9], ids[10]}});
    CHECK((last.select(1, 0) - want.select(1, 5)).abs().max().item<double>() < 1e-4);
  }
}

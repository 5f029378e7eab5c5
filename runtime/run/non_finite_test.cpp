// Values that are not finite never choose a token: one message that says where they arose, for greedy search and for sampling.
#include <kvern/generation.hpp>
#include <limits>

#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "runtime/run/open_cache.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using kvern::testing::TinyModel;

namespace {

constexpr const char *kEnd = "; the weights hold such values, or are too large";

/// Three tokens after three, by a llama in which all elements of one tensor have that value.
GenerationResult generate_with(const std::string &tensor, float value, bool sample,
                               Dtype cache_dtype = Dtype::f32, const std::string &cache_name = "dynamic",
                               int64_t chunk = 0) {
  TinyModel tiny(testing::reference_model("llama"));
  tiny.fill(tensor, value);
  const test::TemporaryFolder folder;
  tiny.write(folder.path());
  const auto model = load_model(folder.path());
  CacheRequest request;
  request.implementation = cache_name;
  request.plugin_path = {test::program("../lib/kvern/plugins")};
  request.dtype = cache_dtype;
  auto cache = open_cache(*model, request);
  GenerationConfig config;
  config.set(option::max_new_tokens, {3});
  config.set(option::do_sample, sample);
  config.set(option::prefill_chunk_size, chunk);
  return generate(*model, cache, {{{5, 6, 7}}, {}}, config);
}

const std::string kValues = "model.layers.1.self_attn.v_proj.weight";

}  // namespace

TEST_CASE("NaN or infinite weights are named by layer and sublayer, whatever the strategy and cache") {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  for (const bool sample : {false, true})
    for (const std::string cache : {"dynamic", "none", "quantized"}) {
      INFO(cache);
      CHECK(test::error_text(ErrorKind::model, [&] {
              generate_with("model.layers.2.mlp.down_proj.weight", nan, sample, Dtype::f32, cache);
            }) == "layer 2, MLP: computed NaN" + std::string(kEnd));
      CHECK(test::error_text(ErrorKind::model, [&] {
              generate_with("model.embed_tokens.weight", infinity, sample, Dtype::f32, cache);
            }) == "the embedding: computed an infinite value" + std::string(kEnd));
      CHECK_THAT(test::error_text(ErrorKind::model,
                                  [&] { generate_with("lm_head.weight", nan, sample, Dtype::f32, cache); }),
                 Catch::StartsWith("the logits: computed NaN"));
    }
}

TEST_CASE("A float16 cache that overflows is named as the cause, also in a prompt fed in chunks") {
  CHECK(generate_with(kValues, 1e6f, false).sequences.size() == 1);
  for (const int64_t chunk : {0, 2})
    CHECK_THAT(test::error_text(ErrorKind::model,
                                [&] { generate_with(kValues, 1e6f, false, Dtype::f16, "dynamic", chunk); }),
               Catch::StartsWith(
                   "layer 1: keys or values are larger than float16, the dtype of the cache, can hold"));
}

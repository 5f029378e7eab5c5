#include "python/bridge/bridge.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "python/bridge/steps.hpp"
#include "tests/support/test.hpp"

namespace {

constexpr int64_t kDim = 8, kHeads = 2;
const char *kRequest =
    R"({"layers": [{"kind": "attention", "q_heads": 4, "kv_heads": 2, "head_dim_k": 8, "head_dim_v": 8, "window": 0},
                   {"kind": "none"}], "dtype": "float32", "max_rows": 0, "max_tokens": 0})";

/// A contiguous [rows, heads, tokens, kDim] and its nine numbers.
struct Heads {
  std::vector<float> data;
  std::vector<int64_t> nine;

  Heads(int64_t rows, int64_t heads, int64_t tokens, float seed)
      : data(static_cast<size_t>(rows * heads * tokens * kDim)) {
    for (size_t i = 0; i < data.size(); ++i) data[i] = std::sin(seed + 0.37f * static_cast<float>(i));
    nine = {reinterpret_cast<int64_t>(data.data()),
            rows,
            heads,
            tokens,
            kDim,
            heads * tokens * kDim,
            tokens * kDim,
            kDim,
            1};
  }
};

void embed() {
  const std::string folder = std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/plugins";
  REQUIRE(kvb_embed(folder.c_str(), "torch=2.11.0;cxx11abi=1") == 0);
}

struct Opened {
  kvb_cache *cache;
  explicit Opened(const std::string &run) {
    embed();
    cache = kvb_open(run.c_str(), nullptr, kRequest);
    if (!cache) FAIL(kvb_message());
  }
  ~Opened() { kvb_close(cache); }
};

void feed(kvb_cache *cache, const std::vector<int64_t> &row_pos, int64_t n, float seed) {
  const auto rows = static_cast<int64_t>(row_pos.size());
  const Heads k(rows, kHeads, n, seed), v(rows, kHeads, n, seed + 1);
  REQUIRE(kvb_begin(cache, rows, n, row_pos.data(), 0) == 0);
  REQUIRE(kvb_update(cache, 0, k.nine.data(), v.nine.data(), nullptr, nullptr) == 0);
  REQUIRE(kvb_end(cache, n) == 0);
}

int64_t tokens(const kvb_cache *cache) {
  kvern_info info{};
  info.struct_size = sizeof info;
  REQUIRE(kvb_info(cache, -1, &info) == 0);
  return info.tokens;
}

/// Attention of one query per row over all keys that `update` hands out, by plain loops; row r sees keys from `pads[r]` on.
std::vector<float> attention_by_loops(const Heads &q, const int64_t *k, const int64_t *v,
                                      const std::vector<int64_t> &pads) {
  std::vector<float> out(q.data.size());
  const auto at = [](const int64_t *t, int64_t r, int64_t h, int64_t j, int64_t d) {
    return reinterpret_cast<const float *>(t[0])[r * t[5] + h * t[6] + j * t[7] + d];
  };
  for (int64_t r = 0; r < q.nine[1]; ++r)
    for (int64_t h = 0; h < q.nine[2]; ++h) {
      const float *query = &q.data[static_cast<size_t>((r * q.nine[2] + h) * kDim)];
      std::vector<double> sums(kDim, 0.0);
      double mass = 0;
      for (int64_t j = pads[static_cast<size_t>(r)]; j < k[3]; ++j) {
        double score = 0;
        for (int64_t d = 0; d < kDim; ++d) score += query[d] * at(k, r, h / 2, j, d);
        const double weight = std::exp(score * 0.5);
        mass += weight;
        for (int64_t d = 0; d < kDim; ++d) sums[static_cast<size_t>(d)] += weight * at(v, r, h / 2, j, d);
      }
      for (int64_t d = 0; d < kDim; ++d)
        out[static_cast<size_t>((r * q.nine[2] + h) * kDim + d)] =
            static_cast<float>(sums[static_cast<size_t>(d)] / mass);
    }
  return out;
}

}  // namespace

TEST_CASE("The bridge attends as plain loops over the keys that it hands out") {
  for (const char *name : {"dynamic", "paged", "quantized"}) {
    const Opened opened(R"({"cache_implementation": ")" + std::string(name) + R"("})");
    feed(opened.cache, {-2, 0}, 9, 1.0f);
    const std::vector<int64_t> next{7, 9};
    const Heads q(2, 4, 1, 5.0f), k(2, kHeads, 1, 6.0f), v(2, kHeads, 1, 7.0f), out(2, 4, 1, 0.0f);
    REQUIRE(kvb_begin(opened.cache, 2, 1, next.data(), 0) == 0);
    int64_t view[2];
    REQUIRE(kvb_view(opened.cache, 0, view) == 0);
    CHECK(view[0] == view[1] + 1);
    kvb_attention request{
        q.nine.data(), k.nine.data(), v.nine.data(), out.nine.data(), nullptr, nullptr, 0.5f, 0, 0, 0};
    REQUIRE(kvb_attend(opened.cache, 0, &request) == 0);
    int64_t keys[9], values[9];
    REQUIRE(kvb_update(opened.cache, 0, nullptr, nullptr, keys, values) == 0);
    const std::vector<float> expected =
        attention_by_loops(q, keys, values, {view[1] - next[0], view[1] - next[1]});
    for (size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(out.data[i] - expected[i]) < 1e-5f);
    CHECK(kvb_end(opened.cache, 1) == 0);
    CHECK(tokens(opened.cache) == 10);
  }
}

TEST_CASE("The bridge saves a cache, and loads nothing but that") {
  const Opened one(R"({"cache_implementation": "dynamic"})");
  feed(one.cache, {0}, 5, 1.0f);
  int64_t size = 0;
  char *data = kvb_save(one.cache, &size);
  REQUIRE(data);
  const std::string bytes(data, static_cast<size_t>(size));
  kvb_free(data);
  kvb_cache *other = kvb_empty_like(one.cache);
  REQUIRE(other);
  CHECK(kvb_load(other, bytes.data(), size) == 0);
  CHECK(tokens(other) == 5);
  CHECK(kvb_load(other, (bytes + "x").data(), size + 1) != 0);
  CHECK(kvb_status() == KVERN_BAD_DATA);
  CHECK_THAT(kvb_message(), Catch::Matchers::Contains("1 bytes are left"));
  CHECK(tokens(other) == 0);
  kvb_close(other);
}

TEST_CASE("A cache of the bridge that is closed within a step gives its memory back") {
  embed();
  kvb_cache *cache = kvb_open(R"({"cache_implementation": "dynamic"})", nullptr, kRequest);
  REQUIRE(cache);
  const int64_t begin = 0;
  REQUIRE(kvb_begin(cache, 1, 3, &begin, 0) == 0);
  kvb_close(cache);
  kvb_close(nullptr);
}

TEST_CASE("The bridge says what is wrong with a configuration, and where") {
  embed();
  CHECK(kvb_open(R"({"cache_implementation": "quantised"})", nullptr, kRequest) == nullptr);
  CHECK_THAT(kvb_message(), Catch::Matchers::Contains("did you mean 'quantized'"));
  CHECK(kvb_open(R"({"cache_implementation": "quantized", "cache_config": {"nbit": 4}})", nullptr,
                 kRequest) == nullptr);
  CHECK_THAT(kvb_message(),
             Catch::Matchers::StartsWith("kvern.Cache: ") && Catch::Matchers::Contains("'nbits'"));
  CHECK(kvb_open(R"({"fallback": ["paged"]})", nullptr, kRequest) == nullptr);
  CHECK_THAT(kvb_message(), Catch::Matchers::Contains("in Python a cache has no other one to go on with"));
  CHECK(kvb_open(R"({"cache_implementation": "sink"})", nullptr, kRequest) == nullptr);
  CHECK_THAT(kvb_message(), Catch::Matchers::Contains("rotates them before a cache sees them"));
  CHECK(kvb_open("cache_implementation = 'dynamic'\nmemory_budged = 1\n", "some/run.toml", kRequest) ==
        nullptr);
  CHECK_THAT(kvb_message(), Catch::Matchers::StartsWith("some/run.toml:2: "));
}

TEST_CASE("The positions of a step are the bridge's own until it ends") {
  const Opened opened(R"({"cache_implementation": "dynamic"})");
  std::vector<int64_t> begin{-3, 0};
  REQUIRE(kvb_begin(opened.cache, 2, 4, begin.data(), 0) == 0);
  begin.assign(2, std::numeric_limits<int64_t>::max());
  const kvern_step &step = opened.cache->step;
  CHECK(std::vector<int64_t>(step.row_pos, step.row_pos + step.rows) == std::vector<int64_t>{-3, 0});
}

TEST_CASE("The budget of the host's memory limits a cache of the bridge") {
  const Opened opened(R"({"cache_implementation": "dynamic", "host_memory_budget": 64})");
  const int64_t begin = 0;
  CHECK(kvb_begin(opened.cache, 1, 100, &begin, 0) != 0);
  CHECK(kvb_status() == KVERN_OUT_OF_MEMORY);
  CHECK_THAT(kvb_message(), Catch::Matchers::Contains("host memory budget"));
}

TEST_CASE("The text of a configuration file of the command line opens a cache") {
  embed();
  const std::string file = std::string(std::getenv("KVERN_BUILD_DIR")) + "/python_bridge_test.toml";
  const std::string text =
      "cache_implementation = 'static'\ncache_dtype = 'bfloat16'\n[cache_config]\nmax_cache_len = 4\n"
      "[generation]\nmax_new_tokens = 3\n";
  std::ofstream(file) << text;
  kvb_cache *cache = kvb_open(text.c_str(), "no/such/folder/run.toml", kRequest);
  REQUIRE(cache);
  CHECK(std::string(kvb_name(cache)) == "static");
  CHECK(std::string(kvb_dtype(cache)) == "bfloat16");
  const int64_t begin = 0;
  CHECK(kvb_begin(cache, 1, 5, &begin, 0) != 0);
  CHECK(kvb_status() == KVERN_OUT_OF_CAPACITY);
  kvb_close(cache);
  char *tree = kvb_read_config(file.c_str());
  REQUIRE(tree);
  CHECK_THAT(tree, Catch::Matchers::Contains("\"max_new_tokens\": 3"));
  kvb_free(tree);
}

TEST_CASE("The bridge lists plugins with their options") {
  embed();
  char *list = kvb_list("");
  REQUIRE(list);
  CHECK_THAT(list, Catch::Matchers::Contains("\"name\": \"quantized\"") &&
                       Catch::Matchers::Contains("\"residual_length\": 128"));
  kvb_free(list);
}

// Everything that a step offers, through real plugins, against the reference implementation in testing_heads.hpp.
#include <kvern/abi/attention.h>
#include <kvern/abi/compose.h>
#include <kvern/plugin_registry.hpp>
#include <kvern/step.hpp>
#include <limits>

#include "core/attention/attention_extension.hpp"
#include "core/attention/testing_heads.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using kvern::test::error_text;
using kvern::test::Heads;
using kvern::test::History;

namespace {

using Counts = std::vector<int64_t>;

constexpr int64_t kQHeads = 4, kKvHeads = 2, kDim = 6;
constexpr float kScale = 0.7f;

LayerSpec layer(uint32_t kind = KVERN_LAYER_ATTENTION) {
  LayerSpec spec;
  spec.kind = kind;
  spec.q_heads = kQHeads;
  spec.kv_heads = kKvHeads;
  spec.head_dim_k = spec.head_dim_v = kDim;
  return spec;
}

Cache open(const std::string &name, std::vector<LayerSpec> layers, Dtype dtype = Dtype::f32) {
  const PluginPath path{test::program("../lib/kvern/plugins"),
                        test::program("../lib/kvern/test_plugins/proof")};
  auto host = std::make_shared<Host>();
  host->offer(KVERN_ATTENTION_1, attention_extension());
  host->offer(KVERN_COMPOSE_1, compose_extension(path));
  CacheSpec spec;
  spec.layers = std::move(layers);
  spec.dtype = dtype;
  spec.max_tokens = 32;
  spec.max_cross = 8;
  return Cache::create(std::move(host), *find_plugin(name, path).plugin, spec);
}

AttentionSpec scaled() {
  AttentionSpec spec;
  spec.scale = kScale;
  return spec;
}

StepRequest request(Counts row_pos, int64_t n_new) {
  StepRequest r;
  r.row_pos = std::move(row_pos);
  r.n_new = n_new;
  r.total_length = *std::max_element(r.row_pos.begin(), r.row_pos.end()) + n_new;
  return r;
}

/// The tensors of one layer in one step.
struct Tensors {
  Heads q, k, v, out;
  Tensors(int64_t rows, int64_t n_new, uint64_t seed, int64_t n_keys = -1)
      : q(rows, kQHeads, n_new, kDim, seed),
        k(rows, kKvHeads, n_keys < 0 ? n_new : n_keys, kDim, seed + 1),
        v(rows, kKvHeads, n_keys < 0 ? n_new : n_keys, kDim, seed + 2),
        out(rows, kQHeads, n_new, kDim) {}
  void attend(Step &step, int layer, const AttentionSpec &spec) {
    step.attend(layer, q.view(), k.view(), v.view(), spec, out.view());
  }
};

/// The largest difference from the reference implementation over the first n[r] columns of each row. before: [R] position of
/// the first column.
double difference(Tensors &x, const History &history, const Counts &before, const Counts &n,
                  const History::Bias &bias = {}) {
  double most = 0;
  for (int64_t r = 0; r < x.q.rows; ++r)
    for (int64_t t = 0; t < n[static_cast<size_t>(r)]; ++t)
      for (int64_t h = 0; h < kQHeads; ++h)
        for (int64_t d = 0; d < kDim; ++d) {
          const double want =
              history.attend(x.q, r, h, t, before[static_cast<size_t>(r)] + t, d, kScale, bias);
          most = std::max(most, std::abs(want - x.out.at(r, h, t, d)));
        }
  return most;
}

Counts lengths(const History &history, int64_t rows) {
  Counts list;
  for (int64_t r = 0; r < rows; ++r) list.push_back(history.length(r));
  return list;
}

/// One step over layer 0 that appends n[r] tokens to row r; returns the difference.
double append(Cache &cache, History &history, const Counts &n, uint64_t seed,
              const AttentionSpec &spec = scaled(), const History::Bias &bias = {}) {
  const int64_t rows = static_cast<int64_t>(n.size()), n_new = *std::max_element(n.begin(), n.end());
  const Counts before = lengths(history, rows);
  auto r = request(before, n_new);
  if (Counts(n.size(), n_new) != n) r.row_new = n;
  Tensors x(rows, n_new, seed);
  Step step(cache, r);
  x.attend(step, 0, spec);
  step.keep_all();
  history.append(x.k, x.v, n);
  return difference(x, history, before, n, bias);
}

const std::vector<std::string> kFull = {"dynamic", "static", "tiny_paged", "tiny_pieces"};

}  // namespace

TEST_CASE("Rows with different numbers of new tokens attend to their own") {
  for (const std::string &name : kFull) {
    INFO(name);
    Cache cache = open(name, {layer()});
    History history(3);
    CHECK(append(cache, history, {4, 1, 3}, 1) < 1e-5);
    CHECK(append(cache, history, {1, 3, 0}, 2) < 1e-5);
    CHECK(append(cache, history, {1, 1, 1}, 3) < 1e-5);
    CHECK(cache.info().tokens == 6);
  }
}

TEST_CASE("Of a tentative step a part is kept, the same in all rows or another in each") {
  for (const std::string &name : kFull) {
    INFO(name);
    Cache cache = open(name, {layer()});
    History history(2);
    append(cache, history, {3, 3}, 1);
    for (const Counts &keep : {Counts{2, 2}, Counts{1, 3}, Counts{0, 0}, Counts{4, 0}}) {
      const Counts before = lengths(history, 2);
      auto r = request(before, 4);
      r.tentative = true;
      Tensors x(2, 4, 10);
      Step step(cache, r);
      x.attend(step, 0, scaled());
      History all = history;
      all.append(x.k, x.v, {4, 4});
      CHECK(difference(x, all, before, {4, 4}) < 1e-5);
      keep[0] == keep[1] ? step.keep(keep[0]) : step.keep_rows(keep);
      history.append(x.k, x.v, keep);
      CHECK(append(cache, history, {1, 1}, 20) < 1e-5);
    }
  }
}

TEST_CASE("A step that is not kept leaves the cache as it was") {
  Cache cache = open("dynamic", {layer()});
  History history(1);
  append(cache, history, {3}, 1);
  {
    Tensors x(1, 2, 5);
    Step step(cache, request({3}, 2));
    x.attend(step, 0, scaled());
  }
  CHECK(cache.info().tokens == 3);
  CHECK(append(cache, history, {2}, 6) < 1e-5);
}

TEST_CASE(
    "A bias depends on the positions in force and is added to the scores, by the cache's attention and the "
    "host's") {
  for (const std::string &name : kFull) {  // tiny_pieces attends by itself, but not with a bias
    INFO(name);
    std::vector<float> elements;
    const Bias alibi = [&](const BiasPositions &p) -> BiasView {
      elements.clear();
      for (int64_t r = 0; r < p.rows; ++r)
        for (int64_t t = 0; t < p.n_new; ++t)
          for (int64_t j = 0; j < p.kv_len; ++j) {
            const int64_t key = p.key_pos ? p.key_pos[r * p.row_stride + j] : p.first_pos[r] + j;
            elements.push_back(-0.3f * static_cast<float>(p.q_pos[r * p.n_new + t] - key));
          }
      return {elements.data(), {p.rows, 1, p.n_new, p.kv_len}, {p.n_new * p.kv_len, 0, p.kv_len, 1}};
    };
    const auto same = [](int64_t q, int64_t k) { return -0.3 * static_cast<double>(q - k); };
    AttentionSpec spec = scaled();
    spec.bias = &alibi;
    Cache cache = open(name, {layer()});
    History history(2);
    CHECK(append(cache, history, {5, 2}, 1, spec, same) < 1e-5);
    CHECK(append(cache, history, {1, 1}, 2, spec, same) < 1e-5);
  }
}

TEST_CASE(
    "An encoder's keys come in one step, are read in the next, and are restored with a step that is "
    "aborted") {
  Cache cache = open("tiny_hybrid", {layer(), layer(KVERN_LAYER_CROSS)});
  AttentionSpec cross = scaled();
  cross.causal = false;
  History encoder(2), history(2);
  const auto run = [&](int64_t n_cross, uint64_t seed, bool keep) {
    const Counts before = lengths(history, 2);
    auto r = request(before, 2);
    r.n_cross = n_cross;
    Tensors self(2, 2, seed), x(2, 2, seed + 3, n_cross);
    Step step(cache, r);
    self.attend(step, 0, scaled());
    step.attend(1, x.q.view(), n_cross ? x.k.view() : HeadsView{}, n_cross ? x.v.view() : HeadsView{}, cross,
                x.out.view());
    History seen = n_cross ? History(2) : encoder;
    if (n_cross) seen.append(x.k, x.v, {n_cross, n_cross});
    CHECK(difference(x, seen, {100, 100}, {2, 2}) < 1e-5);  // a query sees all of an encoder's keys
    if (!keep) return;
    step.keep_all();
    history.append(self.k, self.v, {2, 2});
    encoder = seen;
  };
  run(5, 1, true);
  run(0, 11, true);
  run(3, 21, false);
  run(0, 31, true);
}

TEST_CASE("A recurrent state is read as it was and written, in a tentative step for each of its tokens") {
  LayerSpec state;
  state.kind = KVERN_LAYER_STATE;
  state.states.push_back({Dtype::f32, {3}});
  Cache cache = open("tiny_hybrid", {state, layer()});
  History history(2);
  std::vector<double> sums(2 * 3, 0.0);  // s = s / 2 + x
  const auto run = [&](int64_t n, bool tentative, const Counts &keep) {
    auto r = request(lengths(history, 2), n);
    r.tentative = tentative;
    Tensors attention(2, n, 7);
    Heads x(2, n, 1, 3, 40 + static_cast<uint64_t>(n));
    Step step(cache, r);
    const Step::State s = step.state(0, 0);
    const auto *read = static_cast<const float *>(s.read.data);
    auto *write = static_cast<float *>(s.write.data);
    REQUIRE(s.write.ndim == (tentative ? 3 : 2));
    for (int64_t i = 0; i < 6; ++i) CHECK(read[i] == Approx(sums[static_cast<size_t>(i)]).margin(1e-6));
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t i = 0; i < 3; ++i) {
        float sum = read[row * 3 + i];
        for (int64_t t = 0; t < n; ++t) {
          sum = sum / 2 + x.at(row, t, 0, i);
          write[tentative ? (row * n + t) * 3 + i : row * 3 + i] = sum;
          auto &want = sums[static_cast<size_t>(row * 3 + i)];
          if (t < keep[static_cast<size_t>(row)]) want = want / 2 + x.at(row, t, 0, i);
        }
      }
    attention.attend(step, 1, scaled());
    history.append(attention.k, attention.v, keep);
    tentative ? step.keep_rows(keep) : step.keep_all();
  };
  run(3, false, {3, 3});
  run(4, true, {2, 4});
  run(1, false, {1, 1});
  run(2, true, {0, 1});
  run(1, false, {1, 1});
}

TEST_CASE("Keys and values of one cache are imported into another, of a window the last ones only") {
  LayerSpec windowed = layer();
  windowed.window = 3;
  Cache from = open("dynamic", {layer()}), to = open("dynamic", {layer(), windowed});
  History history(1);
  append(from, history, {6}, 1);
  Heads k(1, kKvHeads, 6, kDim), v(1, kKvHeads, 6, kDim);
  {
    Step step(from, request({6}, 0));  // reads
    DLTensor out_k{}, out_v{};
    from.view(0);
    from.update(0, nullptr, nullptr, &out_k, &out_v);
    for (int64_t h = 0; h < kKvHeads; ++h)
      for (int64_t t = 0; t < 6; ++t)
        for (int64_t d = 0; d < kDim; ++d) {
          k.at(0, h, t, d) =
              static_cast<float *>(out_k.data)[h * out_k.strides[1] + t * out_k.strides[2] + d];
          v.at(0, h, t, d) =
              static_cast<float *>(out_v.data)[h * out_v.strides[1] + t * out_v.strides[2] + d];
        }
  }
  const auto last = [](Heads &x, int64_t n) {
    HeadsView view = x.view();
    view.data += (x.tokens - n) * x.dim;
    view.tokens = n;
    return view;
  };
  auto r = request({0}, 6);
  r.import = true;
  Step import(to, r);
  import.store(0, k.view(), v.view(), nullptr);
  import.store(1, last(k, 3), last(v, 3), nullptr);
  import.keep_all();
  CHECK(to.info().tokens == 6);

  Tensors full(1, 1, 9), window(1, 1, 9);
  Step step(to, request({6}, 1));
  full.attend(step, 0, scaled());
  AttentionSpec spec = scaled();
  spec.window = 3;
  window.attend(step, 1, spec);
  step.keep_all();
  history.append(full.k, full.v, {1});
  CHECK(difference(full, history, {6}, {1}) < 1e-5);
  const auto outside = [](int64_t q, int64_t p) {
    return p > q - 3 ? 0.0 : -std::numeric_limits<double>::infinity();
  };
  CHECK(difference(window, history, {6}, {1}, outside) < 1e-5);
}

TEST_CASE("A layer that shares another's keys reads those") {
  LayerSpec shared = layer();
  shared.kind = KVERN_LAYER_NONE;
  shared.shares_layer = 0;
  Cache cache = open("dynamic", {layer(), shared});
  Tensors first(1, 3, 1), second(1, 3, 8);
  Step step(cache, request({0}, 3));
  first.attend(step, 0, scaled());
  step.attend(1, second.q.view(), {}, {}, scaled(), second.out.view());
  step.keep_all();
  History history(1);
  history.append(first.k, first.v, {3});
  CHECK(difference(second, history, {0}, {3}) < 1e-5);
}

TEST_CASE("Queries and keys are rotated by their positions, the values are not") {
  RopeConfig config;
  config.rotary_dim = 4;
  const Rope rope(config);
  const auto rotated = [&](Heads x, const Counts &first) {
    const auto f = rope.frequencies(0);
    for (int64_t r = 0; r < x.rows; ++r)
      for (int64_t h = 0; h < x.heads; ++h)
        for (int64_t t = 0; t < x.tokens; ++t)
          for (int64_t i = 0; i < 2; ++i) {
            const double angle =
                static_cast<double>(first[static_cast<size_t>(r)] + t) * f[static_cast<size_t>(i)];
            const float a = x.at(r, h, t, i), b = x.at(r, h, t, i + 2);
            x.at(r, h, t, i) = static_cast<float>(a * std::cos(angle) - b * std::sin(angle));
            x.at(r, h, t, i + 2) = static_cast<float>(b * std::cos(angle) + a * std::sin(angle));
          }
    return x;
  };
  AttentionSpec spec = scaled();
  spec.rope = &rope;
  Cache cache = open("dynamic", {layer()});
  History history(2);
  for (const int64_t n : {3, 1}) {
    const Counts before = lengths(history, 2);
    Tensors x(2, n, 3 + static_cast<uint64_t>(n));
    Tensors want = x;
    want.q = rotated(x.q, before);
    want.k = rotated(x.k, before);
    Step step(cache, request(before, n));
    x.attend(step, 0, spec);
    step.keep_all();
    history.append(want.k, want.v, {n, n});
    want.out = x.out;
    CHECK(difference(want, history, before, {n, n}) < 1e-5);
  }
}

TEST_CASE("A part of the keys is rotated at the step's positions") {
  RopeConfig config;
  config.rotary_dim = 2;
  const Rope rope(config);
  Cache cache = open("dynamic", {layer()});
  Tensors x(1, 2, 3);
  const float before = x.k.at(0, 1, 1, kDim - 2), partner = x.k.at(0, 1, 1, kDim - 1),
              first = x.k.at(0, 1, 1, 0);
  {
    Step step(cache, request({5}, 2));
    step.rotate(rope, from_element(x.k.view(), kDim - 2));
  }
  CHECK(x.k.at(0, 1, 1, kDim - 2) == Approx(before * std::cos(6.0f) - partner * std::sin(6.0f)));
  CHECK(x.k.at(0, 1, 1, 0) == first);
}

TEST_CASE("Queries and keys are rotated from the element on that the attention names") {
  RopeConfig config;
  config.rotary_dim = 2;
  const Rope rope(config);
  Tensors x(1, 2, 3);
  Tensors by_hand = x;
  AttentionSpec spec = scaled();
  spec.rope_first = kDim - 2;
  Cache cache = open("dynamic", {layer()}), other = open("dynamic", {layer()});
  {
    Step step(other, request({5}, 2));
    step.rotate(rope, from_element(by_hand.q.view(), kDim - 2));
    step.rotate(rope, from_element(by_hand.k.view(), kDim - 2));
    by_hand.attend(step, 0, spec);
  }
  spec.rope = &rope;
  Step step(cache, request({5}, 2));
  x.attend(step, 0, spec);
  for (int64_t i = 0; i < kDim; ++i) CHECK(x.out.at(0, 0, 1, i) == by_hand.out.at(0, 0, 1, i));
  CHECK(x.k.at(0, 1, 1, kDim - 2) == by_hand.k.at(0, 1, 1, kDim - 2));
}

TEST_CASE("Keys and values are stored in the cache's dtype, of many tokens as of one") {
  for (const auto &[dtype, tolerance] : {std::pair(Dtype::f16, 2e-3), std::pair(Dtype::bf16, 2e-2)}) {
    INFO(dtype_name(dtype));
    Cache cache = open("dynamic", {layer()}, dtype);
    History history(2);
    CHECK(append(cache, history, {7, 7}, 1) < tolerance);
    CHECK(append(cache, history, {1, 1}, 2) < tolerance);
    CHECK(append(cache, history, {3, 2}, 3) < tolerance);
  }
}

TEST_CASE("Keys that overflow a float16 cache are named as the cause of attention that is not finite") {
  Cache cache = open("dynamic", {layer()}, Dtype::f16);
  Tensors x(1, 2, 1);
  x.k.at(0, 1, 1, 2) = 1e6f;
  auto r = request({0}, 2);
  r.locate_non_finite = true;
  Step step(cache, r);
  CHECK(error_text(ErrorKind::model, [&] { x.attend(step, 0, scaled()); }) ==
        "layer 0: keys or values are larger than float16, the dtype of the cache, can hold (65504): use a "
        "cache dtype of "
        "bfloat16 or float32");
}

TEST_CASE("Attention without a cache sees the tokens of its row that are no padding, in both directions") {
  Tensors x(2, 5, 1);
  const std::vector<int64_t> positions = {0, 1, 2, 3, 4, 0, 1, 2, -1, -1};
  AttentionSpec spec = scaled();
  spec.causal = false;
  std::vector<float> elements(5 * 5);
  for (int64_t i = 0; i < 25; ++i)
    elements[static_cast<size_t>(i)] = 0.1f * static_cast<float>(i / 5 - i % 5);
  const Bias relative = [&](const BiasPositions &p) -> BiasView {
    CHECK(p.kv_len == 5);
    return {elements.data(), {1, 1, 5, 5}, {0, 0, 5, 1}};
  };
  spec.bias = &relative;
  attend_without_cache(cpu_queue(), x.q.view(), x.k.view(), x.v.view(), positions, spec, x.out.view());

  kernels::AttentionCall call;
  Heads want(2, kQHeads, 5, kDim);
  call.rows = 2, call.q_heads = kQHeads, call.kv_heads = kKvHeads, call.n_new = call.kv_len = 5;
  call.dim_k = call.dim_v = kDim;
  call.q = x.q.data.data(), call.k = x.k.data.data(), call.v = x.v.data.data(), call.out = want.data.data();
  call.q_stride = call.out_stride = {kQHeads * 5 * kDim, 5 * kDim, kDim};
  call.k_stride = call.v_stride = {kKvHeads * 5 * kDim, 5 * kDim, kDim};
  call.scale = kScale, call.causal = false;
  call.q_pos = call.key_pos = positions.data(), call.key_pos_row_stride = 5;
  call.bias = elements.data(), call.bias_stride[2] = 5, call.bias_stride[3] = 1;
  kernels::attention_reference(call);
  for (size_t i = 0; i < want.data.size(); ++i) CHECK(x.out.data[i] == Approx(want.data[i]).margin(1e-5));
}

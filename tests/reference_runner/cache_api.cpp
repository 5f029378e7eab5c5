// Kind "cache_api": operations on transformers' cache classes, replayed through the ABI. Transformers' layers
// are independent lists, so each layer is a cache of one layer here; every length and every tensor that is
// compared comes from the cache.
#include <kvern/abi/compose.h>

#include <map>

#include "core/torch/tensor.hpp"
#include "tests/reference_runner/case_rope.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

struct KeysValues {
  at::Tensor k, v;
};

at::Tensor to_tensor(const DLTensor &dl) {
  const at::IntArrayRef shape(dl.shape, static_cast<size_t>(dl.ndim));
  at::IntArrayRef strides(dl.strides, static_cast<size_t>(dl.strides ? dl.ndim : 0));
  auto *data = static_cast<char *>(dl.data) + dl.byte_offset;
  return dl.strides ? at::from_blob(data, shape, strides, at::kFloat)
                    : at::from_blob(data, shape, at::kFloat);
}

/// One layer of a transformers cache, of any plugin.
class Layer {
 public:
  Layer(std::shared_ptr<Host> host, const kvern_plugin &plugin, int64_t heads, int64_t dim, int64_t max_rows,
        int64_t max_tokens, const OptionTable &options = {})
      : cache_(Cache::create(std::move(host), plugin, spec(heads, dim, max_rows, max_tokens, options))) {}
  Layer(Cache cache) : cache_(std::move(cache)) {}

  KeysValues update(const at::Tensor &k, const at::Tensor &v, uint32_t flags = 0) {
    step(k.size(0), k.size(2), flags);
    DLTensorView dk(k), dv(v);
    DLTensor out_k{}, out_v{};
    const kvern_view view = cache_.view(0);
    cache_.update(0, dk.dl(), dv.dl(), &out_k, &out_v);
    const at::Tensor seen = seen_columns(view);
    KeysValues out{to_tensor(out_k).index_select(2, seen), to_tensor(out_v).index_select(2, seen)};
    cache_.end(k.size(2));
    return out;
  }

  KeysValues state() {
    step(cache_.info().rows, 0, 0);
    DLTensor out_k{}, out_v{};
    cache_.update(0, nullptr, nullptr, &out_k, &out_v);
    KeysValues out{to_tensor(out_k).clone(), to_tensor(out_v).clone()};
    cache_.end(0);
    return out;
  }

  void crop(int64_t length) {
    const int64_t position = length < 0 ? std::max<int64_t>(cache_.info().tokens + length, 0) : length;
    cache_.truncate(std::vector<int64_t>(static_cast<size_t>(cache_.info().rows), position));
  }

  Cache &cache() { return cache_; }

 private:
  /// The columns that no padding and no dropped token is in, of the first row.
  static at::Tensor seen_columns(const kvern_view &view) {
    std::vector<int64_t> columns;
    for (int64_t i = 0; i < view.kv_len; ++i)
      if ((view.key_pos ? view.key_pos[i] : view.first_pos[0] + i) >= 0) columns.push_back(i);
    return at::tensor(columns, at::kLong);
  }

  static CacheSpec spec(int64_t heads, int64_t dim, int64_t max_rows, int64_t max_tokens,
                        const OptionTable &options) {
    CacheSpec s;
    s.options = options;
    LayerSpec layer;
    layer.q_heads = layer.kv_heads = static_cast<int32_t>(heads);
    layer.head_dim_k = layer.head_dim_v = static_cast<int32_t>(dim);
    s.layers.push_back(layer);
    s.max_rows = max_rows;
    s.max_tokens = max_tokens;
    return s;
  }

  void step(int64_t rows, int64_t n_new, uint32_t flags) {
    positions_.assign(static_cast<size_t>(rows), cache_.info().tokens);
    kvern_step s{};
    s.struct_size = sizeof s;
    s.flags = flags;
    s.rows = rows;
    s.n_new = n_new;
    s.row_pos = positions_.data();
    cache_.begin(s);
  }

  Cache cache_;
  std::vector<int64_t> positions_;
};

using Layers = std::map<int64_t, Layer>;

/// transformers' static caches hand out the whole buffer: what lies behind the tokens must be zeros there.
void expect_held(const at::Tensor &got, const at::Tensor &want, Tolerance tolerance,
                 const std::string &what) {
  if (want.dim() != 4 || got.size(2) > want.size(2)) fail(what + ": more tokens than expected");
  expect_close(got, want.slice(2, 0, got.size(2)), tolerance, what);
  if (want.slice(2, got.size(2)).ne(0).any().item<bool>()) fail(what + ": fewer tokens than expected");
}

class Replay {
 public:
  Replay(const Case &c, const Context &context)
      : case_(c), tolerance_(tolerance_of(c)), plugin_(*plugin(c, context)) {
    host_->offer(KVERN_COMPOSE_1, compose_extension(context.plugin_path));  // for decorators
    if (c.json.contains("tensors")) tensors_.emplace(sidecar(c));
  }

  void operator()() {
    const auto &steps = case_.json.at("steps");
    for (size_t i = 0; i < steps.size(); ++i) {
      if (i == before_last_updates()) copy_ = copy(layers_);
      run(steps[i]);
    }
  }

 private:
  static const kvern_plugin *plugin(const Case &c, const Context &context) {
    static const std::map<std::string, std::string> names{{"DynamicCache", "dynamic"},
                                                          {"StaticCache", "static"},
                                                          {"OffloadedCache", "offloaded"},
                                                          {"OffloadedStaticCache", "offloaded_static"},
                                                          {"HQQQuantizedCache", "quantized"},
                                                          {"QuantoQuantizedCache", "quantized"},
                                                          {"SinkCache", "sink"}};
    const auto type = c.json.contains("cache") ? c.json["cache"].value("type", std::string()) : std::string();
    const auto found = names.find(type);
    if (found == names.end()) skip("cache not offered: " + (type.empty() ? "several in one case" : type));
    if (context.cache && *context.cache != found->second) skip("case for another cache: " + type);
    return find_plugin(found->second, context.plugin_path).plugin;
  }

  bool is_static() const {
    const auto &type = case_.json["cache"]["type"];
    return type == "StaticCache" || type == "OffloadedStaticCache";
  }
  bool is_sink() const { return case_.json["cache"]["type"] == "SinkCache"; }
  bool is_quantized() const { return case_.json["cache"].contains("nbits"); }

  /// The step before which "a deep copy taken before the last updates" was taken.
  size_t before_last_updates() const {
    const auto &steps = case_.json.at("steps");
    size_t i = steps.size();
    while (i > 0 && steps[i - 1].at("op") != "update") --i;
    while (i > 0 && steps[i - 1].at("op") == "update") --i;
    return i;
  }

  void run(const Json &step) {
    const auto op = step.at("op").get<std::string>();
    if (op == "update") return update(step);
    if (op == "lengths") return lengths(step);
    if (op == "state") return expect_state(layers_, step);
    if (op == "crop") return each([&](Layer &l) { l.crop(step.at("args")[0].get<int64_t>()); });
    if (op == "reset") return each([](Layer &l) { l.cache().reset(); });
    if (op == "reorder_cache" || op == "batch_select_indices")
      return gather(step.at("args")[0].get<std::vector<int64_t>>());
    if (op == "batch_repeat_interleave") return repeat(step.at("args")[0].get<int64_t>());
    if (op == "batch_split") return split(step);
    if (op == "from_batch_splits") return rejoin(step);
    if (op == "from_legacy_cache(to_legacy_cache())") return move_to_another(step);
    if (op == "state of a deep copy taken before the last updates") return expect_state(copy_, step);
    skip("operation not offered: " + op);
  }

  at::Tensor tensor(const Json &step, const char *key) const {
    return load(*tensors_, step.at(key).get<std::string>());
  }

  Layer &layer(const Json &step, const at::Tensor &k) {
    const auto index = step.at("layer").get<int64_t>();
    const auto &cache = case_.json["cache"];
    offer_rope(step);
    return layers_
        .try_emplace(index, host_, plugin_, k.size(1), k.size(3), cache.value("max_batch_size", int64_t{0}),
                     cache.value("max_cache_len", int64_t{0}),
                     is_quantized() ? cache_config_of(cache)
                     : is_sink()    ? sink_options(cache)
                                    : OptionTable{})
        .first->second;
  }

  /// The angles of the first update; transformers gives them to that of the first layer only.
  void offer_rope(const Json &step) {
    if (rope_ || !step.contains("cos")) return;
    rope_.emplace(tensor(step, "cos"), tensor(step, "sin"));
    host_->offer(KVERN_ROPE_1, rope_->table());
  }

  void update(const Json &step) {
    const auto k = tensor(step, "key"), v = tensor(step, "value");
    auto &l = layer(step, k);
    const auto positions = step.value("cache_position", std::vector<int64_t>());
    for (size_t i = 0; i < positions.size(); ++i)
      if (positions[i] != l.cache().info().tokens + static_cast<int64_t>(i)) skip("no scattered writes");
    if (!positions.empty()) written_[step["layer"].get<int64_t>()] = positions.back() + 1;
    const auto out = l.update(k, v);
    exported_[step["layer"].get<int64_t>()] = out.k.size(2);
    if (is_quantized()) return expect_errors(step, {k, v}, out);
    expect_held(out.k, tensor(step, "out_key"), tolerance_, "keys handed out");
    expect_held(out.v, tensor(step, "out_value"), tolerance_, "values handed out");
  }

  /// A quantizer of our own: the last tokens exactly, and over all of them no larger an error than the recorded one.
  void expect_errors(const Json &step, const KeysValues &fresh, const KeysValues &out) {
    auto &stored = stored_[step.at("layer").get<int64_t>()];
    const auto join = [](at::Tensor &all, const at::Tensor &part) {
      all = all.defined() ? at::cat({all, part}, 2) : part;
    };
    join(stored.k, fresh.k);
    join(stored.v, fresh.v);
    expect_error("keys", out.k, stored.k, tensor(step, "out_key"));
    expect_error("values", out.v, stored.v, tensor(step, "out_value"));
  }

  void expect_error(const std::string &what, const at::Tensor &got, const at::Tensor &stored,
                    const at::Tensor &theirs) {
    if (got.sizes() != stored.sizes()) fail(what + ": not as many tokens as were stored");
    const auto residual = case_.json["cache"].at("residual_length").get<int64_t>();
    const int64_t first = std::max<int64_t>(0, stored.size(2) - residual);
    expect_close(got.slice(2, first), stored.slice(2, first), {0, 0},
                 what + " of the last residual_length tokens");
    const auto error = [&](const at::Tensor &x) { return (x - stored).square().sum().item<double>(); };
    if (error(got) > error(theirs))
      fail(what + ": a squared error of " + std::to_string(error(got)) + ", recorded " +
           std::to_string(error(theirs)));
  }

  /// transformers' static caches count slots with a key that is not zero, and its quantized ones take one token off in
  /// every layer but the first; the right length is what was written. Its sink cache counts what it stores, and tokens seen apart.
  int64_t right_length(int64_t layer, int64_t got, int64_t recorded) {
    if (is_sink()) return exported_[layer] == recorded ? seen_ : -1;
    if (is_static() && got > 0) return written_[layer];
    if (is_quantized() && layer > 0) return stored_.contains(layer) ? stored_[layer].k.size(2) : 0;
    return recorded;
  }

  void lengths(const Json &step) {
    if (is_sink()) seen_ = step.at("seen_tokens").get<int64_t>();
    const auto &want = step.at("seq_length");
    for (size_t i = 0; i < want.size(); ++i) {
      const auto found = layers_.find(static_cast<int64_t>(i));
      const int64_t got = found == layers_.end() ? 0 : found->second.cache().info().tokens;
      const int64_t right = right_length(static_cast<int64_t>(i), got, want[i].get<int64_t>());
      if (got != right)
        fail("layer " + std::to_string(i) + " holds " + std::to_string(got) + " tokens, expected " +
             std::to_string(right));
    }
    if (!step.at("max_cache_shape").is_number() || is_sink()) return;  // a window, no limit
    for (auto &[index, l] : layers_)
      if (l.cache().info().capacity != step["max_cache_shape"].get<int64_t>())
        fail("layer " + std::to_string(index) + " has a capacity of " +
             std::to_string(l.cache().info().capacity));
  }

  void expect_state(Layers &layers, const Json &step) {
    const auto &want = step.at("layers");
    if (want.size() != layers.size())
      fail(std::to_string(layers.size()) + " layers, expected " + std::to_string(want.size()));
    for (auto &[index, l] : layers) {
      const auto &w = want[static_cast<size_t>(index)];
      const bool empty = l.cache().info().tokens == 0;
      const auto k = tensor(w, "key"), v = tensor(w, "value");
      if (empty && k.ne(0).any().item<bool>()) fail("layer " + std::to_string(index) + " is empty");
      if (empty) continue;
      const auto got = l.state();
      expect_held(got.k, k, tolerance_, "keys of layer " + std::to_string(index));
      expect_held(got.v, v, tolerance_, "values of layer " + std::to_string(index));
    }
  }

  template <class F>
  void each(F f) {
    for (auto &[index, l] : layers_) f(l);
  }

  void gather(const std::vector<int64_t> &rows) {
    each([&](Layer &l) { l.cache().gather(rows); });
  }

  void repeat(int64_t times) {
    each([&](Layer &l) {
      std::vector<int64_t> rows;
      for (int64_t i = 0; i < l.cache().info().rows * times; ++i) rows.push_back(i / times);
      l.cache().gather(rows);
    });
  }

  static Layers copy(Layers &from) {
    Layers to;
    for (auto &[index, l] : from) to.try_emplace(index, l.cache().clone());
    return to;
  }

  /// Rows [begin, begin + size) of all layers, in caches of their own.
  Layers part(int64_t begin, int64_t size, int64_t full) {
    auto to = copy(layers_);
    std::vector<int64_t> rows;
    for (int64_t r = begin; r < std::min(begin + size, full); ++r) rows.push_back(r);
    for (auto &[index, l] : to) l.cache().gather(rows);
    return to;
  }

  void split(const Json &step) {
    const int64_t full = step.at("args")[0], size = step.at("args")[1];
    auto rows = part(step.at("part").get<int64_t>() * size, size, full);
    expect_state(rows, step);
  }

  void rejoin(const Json &step) {
    const int64_t full = step.at("args")[0], size = step.at("args")[1];
    auto whole = part(0, size, full);
    for (int64_t begin = size; begin < full; begin += size)
      for (auto &[index, l] : part(begin, size, full)) whole.at(index).cache().append(l.cache());
    expect_state(whole, step);
  }

  void move_to_another(const Json &step) {
    Layers to;
    for (auto &[index, l] : layers_) {
      const auto held = l.state();
      auto &fresh =
          to.try_emplace(index, host_, plugin_, held.k.size(1), held.k.size(3), int64_t{0}, int64_t{0})
              .first->second;
      fresh.update(held.k, held.v, KVERN_STEP_IMPORT);
      if (fresh.cache().info().tokens != step.at("seq_length_after").get<int64_t>())
        fail("the copy holds " + std::to_string(fresh.cache().info().tokens) + " tokens");
    }
    expect_state(to, step);
  }

  const Case &case_;
  Tolerance tolerance_;
  const kvern_plugin &plugin_;
  std::shared_ptr<Host> host_ = std::make_shared<Host>();
  std::optional<files::SafetensorsFile> tensors_;
  std::map<int64_t, KeysValues> stored_;  // all that was stored, per layer
  std::map<int64_t, int64_t> written_;    // by cache_position, per layer
  std::map<int64_t, int64_t> exported_;   // columns of the last update, per layer
  int64_t seen_ = 0;                      // tokens, dropped ones included
  std::optional<CaseRope> rope_;          // outlives the layers
  Layers layers_, copy_;
};

}  // namespace

void run_cache_api(const Case &c, Context &context) { Replay(c, context)(); }

}  // namespace kvern::reference

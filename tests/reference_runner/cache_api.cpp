// Kind "cache_api": operations on transformers' cache classes, replayed through the ABI. The layers of most are independent lists,
// so each layer is a cache of one layer here (cache_api_whole.cpp has the others); every length and every tensor that is compared
// comes from the cache.
#include <kvern/abi/compose.h>

#include <map>

#include "core/torch/torch.hpp"
#include "tests/reference_runner/cache_layer.hpp"
#include "tests/reference_runner/case_rope.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

using Layers = std::map<int64_t, CacheLayer>;

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
                                                          {"SinkCache", "sink"},
                                                          {"SlidingWindowCache", "sliding_window"}};
    const auto type = c.json.contains("cache") ? c.json["cache"].value("type", std::string()) : std::string();
    const auto found = names.find(type);
    if (found == names.end()) skip("cache not offered: " + type);
    if (context.cache && *context.cache != found->second) skip("case for another cache: " + type);
    return find_plugin(found->second, context.plugin_path).plugin;
  }

  bool is_static() const {
    const auto &type = case_.json["cache"]["type"];
    return type == "StaticCache" || type == "OffloadedStaticCache";
  }
  bool is_window() const { return case_.json["cache"]["type"] == "SlidingWindowCache"; }
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
    if (op == "crop") return each([&](CacheLayer &l) { crop(l.cache(), step.at("args")[0].get<int64_t>()); });
    if (op == "reset") return reset();
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

  CacheLayer &layer(const Json &step, const at::Tensor &k) {
    const auto index = step.at("layer").get<int64_t>();
    const auto &cache = case_.json["cache"];
    offer_rope(step);
    LayerRequest request{k.size(1), k.size(3)};
    request.max_rows = cache.value("max_batch_size", int64_t{0});
    request.max_tokens = cache.value("max_cache_len", int64_t{0});
    if (is_window()) request.window = cache.at("config").at("sliding_window").get<int64_t>();
    if (is_quantized()) request.options = cache_config_of(cache);
    if (is_sink()) request.options = sink_options(cache);
    return layers_.try_emplace(index, host_, plugin_, request).first->second;
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
    const auto number = step.at("layer").get<int64_t>();
    const auto positions = step.value("cache_position", std::vector<int64_t>());
    const KeysValues out = follows(positions, l) ? l.update(k, v) : l.update_at(positions, k, v);
    for (const int64_t position : positions) written_[number] = std::max(written_[number], position + 1);
    exported_[number] = out.k.size(2);
    if (is_quantized()) return expect_errors(step, {k, v}, out);
    if (is_window()) return expect_windows(step, {k, v}, out);
    expect_held(out.k, tensor(step, "out_key"), tolerance_, "keys exported");
    expect_held(out.v, tensor(step, "out_value"), tolerance_, "values exported");
  }

  /// Do these positions follow each other and what the layer holds?
  static bool follows(const std::vector<int64_t> &positions, CacheLayer &l) {
    for (size_t i = 0; i < positions.size(); ++i)
      if (positions[i] != l.cache().info().tokens + static_cast<int64_t>(i)) return false;
    return true;
  }

  void expect_windows(const Json &step, const KeysValues &fresh, const KeysValues &out) {
    const auto &all = store(step, fresh);
    exported_[step.at("layer").get<int64_t>()] =
        expect_window(out.k, all.k, tensor(step, "out_key"), tolerance_, "keys exported");
    expect_window(out.v, all.v, tensor(step, "out_value"), tolerance_, "values exported");
  }

  /// All that the step's layer was given, the new tokens included.
  const KeysValues &store(const Json &step, const KeysValues &fresh) {
    auto &stored = stored_[step.at("layer").get<int64_t>()];
    stored.k = stored.k.defined() ? at::cat({stored.k, fresh.k}, 2) : fresh.k;
    stored.v = stored.v.defined() ? at::cat({stored.v, fresh.v}, 2) : fresh.v;
    return stored;
  }

  void reset() {
    each([](CacheLayer &l) { l.cache().reset(); });
    stored_.clear(), written_.clear();
  }

  /// A quantizer of our own: the last tokens exactly, and over all of them no larger an error than the recorded one.
  void expect_errors(const Json &step, const KeysValues &fresh, const KeysValues &out) {
    const KeysValues &stored = store(step, fresh);
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
  /// every layer but the first; the right length is what was written. Its sink cache counts what it stores, and tokens seen apart;
  /// so does its window.
  int64_t right_length(int64_t layer, int64_t got, int64_t recorded) {
    if (is_sink()) return exported_[layer] == recorded ? seen_ : -1;
    if (is_window() && got > 0) {
      const int64_t window = case_.json["cache"]["config"]["sliding_window"].get<int64_t>();
      return std::min(exported_[layer], window) == recorded ? written_[layer] : -1;
    }
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
    if (!step.at("max_cache_shape").is_number() || is_sink() || is_window()) return;  // no limit
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
    each([&](CacheLayer &l) { l.cache().gather(rows); });
  }

  void repeat(int64_t times) {
    each([&](CacheLayer &l) {
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
          to.try_emplace(index, host_, plugin_, LayerRequest{held.k.size(1), held.k.size(3)}).first->second;
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
  std::map<int64_t, int64_t> exported_;  // columns of the last update, per layer; of a window, those recorded
  int64_t seen_ = 0;                     // tokens, dropped ones included
  std::optional<CaseRope> rope_;         // outlives the layers
  Layers layers_, copy_;
};

}  // namespace

void run_cache_api(const Case &c, Context &context) {
  if (c.json.contains("outcomes")) return run_quantized_settings(c, context);
  if (is_whole_cache(c)) return run_whole_cache(c, context);
  Replay(c, context)();
}

}  // namespace kvern::reference

// Kind "cache_api" of transformers' classes whose layers differ: HybridCache, EncoderDecoderCache, MambaCache. All layers are in one
// cache here, and a forward pass is a step of it.
#include <kvern/abi/compose.h>

#include <map>
#include <set>

#include "core/torch/torch.hpp"
#include "tests/reference_runner/cache_layer.hpp"
#include "tests/reference_runner/kinds.hpp"
#include "tests/reference_runner/whole_cache.hpp"

namespace kvern::reference {
namespace {

class WholeReplay {
 public:
  WholeReplay(const Case &c, const WholeClass &replayed, const Context &context)
      : case_(c), class_(replayed), tolerance_(tolerance_of(c)), tensors_(sidecar(c)) {
    host_->offer(KVERN_COMPOSE_1, compose_extension(context.plugin_path));
    plugin_ = find_plugin(class_.plugin, context.plugin_path).plugin;
    cache_.emplace(create());
  }

  void operator()() {
    for (const Json &step : case_.json.at("steps")) run(step);
    end_pass();
  }

 private:
  Cache create() const { return Cache::create(host_, *plugin_, class_.spec); }
  at::Tensor tensor(const Json &step, const char *key) const {
    return load(tensors_, step.at(key).get<std::string>());
  }
  bool is_window(int layer) const { return class_.spec.layers[static_cast<size_t>(layer)].window > 0; }

  void run(const Json &step) {
    const auto op = step.at("op").get<std::string>();
    if (op == "update") return update(step, class_.self_layer(step.at("layer").get<int>()));
    if (op == "update_cross") return update(step, class_.cross_layer(step.at("layer").get<int>()));
    if (op == "update_conv_state") return update_conv(step);
    if (op == "update_ssm_state") return update_state(step, 1, tensor(step, "new"));
    end_pass();
    if (op == "forward") return open(step.at("rows"), step.at("tokens"), step.value("encoder_tokens", 0));
    if (op == "lengths") return lengths(step);
    if (op == "state") return expect_state(*cache_, step);
    if (op == "crop") return shorten(step.at("args")[0].get<int64_t>());
    if (op == "reset") return reset();
    if (op == "reorder_cache" || op == "batch_select_indices")
      return cache_->gather(step.at("args")[0].get<std::vector<int64_t>>());
    if (op == "batch_repeat_interleave") return repeat(step.at("args")[0].get<int64_t>());
    if (op == "batch_split") return split(step);
    if (op == "from_batch_splits") return join(step);
    if (op == "from_legacy_cache(to_legacy_cache())") return move_to_another(step);
    skip("operation not offered: " + op);
  }

  void open(int64_t rows, int64_t tokens, int64_t cross) {
    input_ = begin_step(*cache_, rows, tokens, 0, cross);
    tokens_ = tokens;
    written_.clear();
  }
  void end_pass() {
    if (cache_->in_step()) cache_->end(tokens_), seen_ += tokens_;
  }
  void shorten(int64_t length) {
    crop(*cache_, length);
    seen_ = length < 0 ? std::max<int64_t>(0, seen_ + length) : std::min(seen_, length);
  }
  void reset() {
    cache_->reset();
    stored_.clear();
    seen_ = 0;
  }

  /// The first update of a pass that no `forward` announces opens it; the next pass begins where a layer comes again.
  void update(const Json &step, int layer) {
    const auto k = tensor(step, "key"), v = tensor(step, "value");
    if (cache_->in_step() && written_.contains(layer)) end_pass();
    if (!cache_->in_step()) open(k.size(0), k.size(2), 0);
    written_.insert(layer);
    const KeysValues out = update_layer(*cache_, layer, &k, &v);
    const auto out_k = tensor(step, "out_key"), out_v = tensor(step, "out_value");
    if (!is_window(layer)) {
      expect_held(out.k, out_k, tolerance_, "keys exported");
      return expect_held(out.v, out_v, tolerance_, "values exported");
    }
    KeysValues &all = stored_[layer];
    all.k = all.k.defined() ? at::cat({all.k, k}, 2) : k;
    all.v = all.v.defined() ? at::cat({all.v, v}, 2) : v;
    counted_ = expect_window(out.k, all.k, out_k, tolerance_, "keys exported");
    expect_window(out.v, all.v, out_v, tolerance_, "values exported");
  }

  /// MambaCache: the window of the convolution moves by one, then new columns are written at clamped positions.
  void update_conv(const Json &step) {
    DLTensor read{}, write{};
    const int layer = step.at("layer").get<int>();
    cache_->state(layer, 0, &read, &write);
    at::Tensor state = borrowed_tensor(read).roll(-1, -1);
    std::vector<int64_t> columns = step.at("cache_position").get<std::vector<int64_t>>();
    for (int64_t &column : columns) column = std::clamp<int64_t>(column, 0, state.size(-1) - 1);
    state.index_copy_(-1, at::tensor(columns, at::kLong), tensor(step, "new"));
    update_state(step, 0, state);
  }
  void update_state(const Json &step, int slot, const at::Tensor &state) {
    DLTensor read{}, write{};
    cache_->state(step.at("layer").get<int>(), slot, &read, &write);
    borrowed_tensor(write).copy_(state);
    expect_close(state, tensor(step, "out"), tolerance_, slot == 0 ? "convolution's window" : "state");
  }

  /// transformers counts the slots of a static or window layer whose key is not zero; kvern the tokens that were seen.
  void lengths(const Json &step) {
    const Json &recorded = step.at("seq_length");
    const int64_t got = cache_->info().tokens;
    if (got != seen_)
      fail("the cache holds " + std::to_string(got) + " tokens, expected " + std::to_string(seen_));
    const int64_t want = (recorded.is_array() ? recorded[0] : recorded).get<int64_t>();
    const int64_t window = class_.spec.layers[0].window;
    const int64_t right = window > 0 ? std::min(counted_, window) : got;
    if (want != right) fail(std::to_string(right) + " tokens are visible, recorded " + std::to_string(want));
    if (step.value("max_cache_shape", Json()).is_number() &&
        cache_->info().capacity != step["max_cache_shape"].get<int64_t>())
      fail("the cache has a capacity of " + std::to_string(cache_->info().capacity));
  }

  void expect_keys(Cache &cache, int layer, const Json &entry, const std::string &prefix) {
    const KeysValues got = update_layer(cache, layer, nullptr, nullptr);
    const std::string where = "layer " + std::to_string(layer);
    for (const auto &[what, held] : {std::pair("key", got.k), std::pair("value", got.v)}) {
      const auto want = tensor(entry, (prefix + what).c_str());
      if (is_window(layer) && held.size(2) != std::min(seen_, class_.spec.layers[0].window - int64_t{1}))
        fail(where + " holds " + std::to_string(held.size(2)) + " tokens");
      is_window(layer) ? expect_newest(held, want, tolerance_, where + ", " + what)
                       : expect_held(held, want, tolerance_, where + ", " + what);
    }
  }

  void expect_states(Cache &cache, int layer, const Json &entry) {
    for (const int slot : {0, 1}) {
      DLTensor read{}, write{};
      cache.state(layer, slot, &read, &write);
      expect_close(borrowed_tensor(read), tensor(entry, slot == 0 ? "conv" : "ssm"), tolerance_,
                   "layer " + std::to_string(layer));
    }
  }

  /// By a step that reads. An empty cache must stand for zeros.
  void expect_state(Cache &cache, const Json &step) {
    const Json &layers = step.at("layers");
    const bool states = layers[0].contains("conv"), empty = cache.info().rows == 0;
    if (empty && !states) return expect_zeros(layers);
    const int64_t rows = empty ? tensor(layers[0], "conv").size(0) : cache.info().rows;
    const StepInput input = begin_step(cache, rows, 0);
    for (size_t i = 0; i < layers.size(); ++i) {
      const int layer = static_cast<int>(i);
      if (states) {
        expect_states(cache, layer, layers[i]);
        continue;
      }
      expect_keys(cache, class_.self_layer(layer), layers[i], "");
      if (layers[i].contains("cross_key")) expect_keys(cache, class_.cross_layer(layer), layers[i], "cross_");
    }
    cache.end(0);
  }
  void expect_zeros(const Json &layers) const {
    for (const Json &layer : layers)
      for (const auto &[what, name] : layer.items())
        if (load(tensors_, name.get<std::string>()).ne(0).any().item<bool>()) fail("the cache is empty");
  }

  void repeat(int64_t times) {
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < cache_->info().rows * times; ++i) rows.push_back(i / times);
    cache_->gather(rows);
  }

  /// Rows [begin, begin + size), of `full`, in a cache of their own.
  Cache part(int64_t begin, int64_t size, int64_t full) const {
    std::vector<int64_t> rows;
    for (int64_t r = begin; r < std::min(begin + size, full); ++r) rows.push_back(r);
    Cache some = cache_->clone();
    some.gather(rows);
    return some;
  }
  void split(const Json &step) {
    const int64_t full = step.at("args")[0], size = step.at("args")[1];
    Cache some = part(step.at("part").get<int64_t>() * size, size, full);
    expect_state(some, step);
  }
  void join(const Json &step) {
    const int64_t full = step.at("args")[0], size = step.at("args")[1];
    Cache whole = part(0, size, full);
    for (int64_t begin = size; begin < full; begin += size) whole.append(part(begin, size, full));
    expect_state(whole, step);
  }

  void move_to_another(const Json &step) {
    const int64_t rows = cache_->info().rows, tokens = cache_->info().tokens;
    Cache other = create();
    std::vector<KeysValues> held;
    const StepInput reading = begin_step(*cache_, rows, 0);
    for (int i = 0; i < class_.n_layers(); ++i) held.push_back(update_layer(*cache_, i, nullptr, nullptr));
    cache_->end(0);
    const StepInput writing = begin_step(other, rows, tokens, KVERN_STEP_IMPORT, held[1].k.size(2));
    for (int i = 0; i < class_.n_layers(); ++i)
      update_layer(other, i, &held[static_cast<size_t>(i)].k, &held[static_cast<size_t>(i)].v);
    other.end(tokens);
    if (other.info().tokens != step.at("seq_length_after").get<int64_t>())
      fail("the copy holds " + std::to_string(other.info().tokens) + " tokens");
    expect_state(other, step);
  }

  const Case &case_;
  const WholeClass &class_;
  Tolerance tolerance_;
  files::SafetensorsFile tensors_;
  std::shared_ptr<Host> host_ = std::make_shared<Host>();
  const kvern_plugin *plugin_ = nullptr;
  std::optional<Cache> cache_;
  StepInput input_;                   // of the open pass
  int64_t tokens_ = 0, seen_ = 0;     // of the open pass, and before it
  std::set<int> written_;             // layers, in the open pass
  std::map<int, KeysValues> stored_;  // all that a window layer was given
  int64_t counted_ = 0;               // recorded tokens of the last window layer
};

}  // namespace

bool is_whole_cache(const Case &c) { return c.json.contains("cache") && find_whole_class(c).has_value(); }

void run_whole_cache(const Case &c, Context &context) {
  const WholeClass replayed = *find_whole_class(c);
  if (context.cache && *context.cache != replayed.plugin)
    skip("case for another cache: " + c.json["cache"]["type"].get<std::string>());
  WholeReplay(c, replayed, context)();
}

}  // namespace kvern::reference

#include "check/checked_cache.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <set>

#include "check/cache_window.hpp"
#include "check/captured.hpp"
#include "check/harness.hpp"
#include "check/history.hpp"
#include "check/lent_tensor.hpp"
#include "check/sampled_attention.hpp"
#include "check/tensor_view.hpp"

namespace kvern::conformance {
namespace {

int64_t query_position(const kvern_view &view, const kvern_step &step, int64_t row, int64_t i) {
  return view.q_pos ? view.q_pos[row * step.n_new + i] : step.row_pos[row] + i;
}

std::string in_row(int64_t position, int layer, int64_t row) {
  return "position " + std::to_string(position) + " of layer " + std::to_string(layer) + ", row " +
         std::to_string(row);
}

void require_finite(const DLTensor &tensor, int layer, const char *what) {
  std::vector<float> one(static_cast<std::size_t>(tensor.shape[3]));
  for (int64_t row = 0; row < tensor.shape[0]; ++row)
    for (int64_t head = 0; head < tensor.shape[1]; ++head)
      for (int64_t slot = 0; slot < tensor.shape[2]; ++slot) {
        read_vector(tensor, row, head, slot, one);
        for (const float element : one)
          expect(std::isfinite(element), std::string("update exports a ") + what +
                                             " that is not finite (layer " + std::to_string(layer) +
                                             ", row " + std::to_string(row) + ", head " +
                                             std::to_string(head) + ", slot " + std::to_string(slot) + ")");
      }
}

struct Destroy {
  void operator()(kvern_cache *cache) const { cache->ops->destroy(cache); }
};
using OwnedCache = std::unique_ptr<kvern_cache, Destroy>;

class Checked : public kvern_cache {
 public:
  /// Takes the cache over, unless it throws.
  Checked(const kvern_host *host, kvern_cache *cache, std::vector<kvern_layer> layers, DLDataType type)
      : host_(host), cache_(cache), layers_(std::move(layers)), type_(type) {
    for (const kvern_layer &layer : layers_) history_.emplace_back(layer);
    lent_.resize(layers_.size());
    fill_table();
    kvern_cache::ops = &table_;
  }
  Checked(const Checked &) = delete;
  ~Checked() {
    const Captured output(STDOUT_FILENO);
    cache_->ops->destroy(cache_);
    const std::string text = output.text();
    if (!text.empty()) log("destroy writes to standard output: " + text);
  }

 private:
  static Checked &self(kvern_cache *cache) { return *static_cast<Checked *>(cache); }
  static const Checked &self(const kvern_cache *cache) { return *static_cast<const Checked *>(cache); }

  void fill_table() {
    const kvern_cache_ops &inner = *cache_->ops;
    table_.struct_size = sizeof table_;
    table_.plugin = inner.plugin;
    table_.destroy = [](kvern_cache *cache) { delete &self(cache); };
#define KVERN_CHECKED(verb) \
  if (KVERN_HAS(&inner, kvern_cache_ops, verb)) table_.verb = verb
    KVERN_CHECKED(begin);
    KVERN_CHECKED(view);
    KVERN_CHECKED(update);
    KVERN_CHECKED(end);
    KVERN_CHECKED(reset);
    KVERN_CHECKED(info);
    KVERN_CHECKED(attend);
    KVERN_CHECKED(state);
    KVERN_CHECKED(gather);
    KVERN_CHECKED(append);
    KVERN_CHECKED(truncate);
    KVERN_CHECKED(end_rows);
    KVERN_CHECKED(clone);
    KVERN_CHECKED(save);
    KVERN_CHECKED(load);
    KVERN_CHECKED(get_extension);
#undef KVERN_CHECKED
  }

  /// A call of the inner cache: what it writes to standard output is a defect.
  template <class Call>
  static kvern_status quietly(const char *verb, Call call) {
    const Captured output(STDOUT_FILENO);
    const kvern_status status = call();
    const std::string text = output.text();
    expect(text.empty(), std::string(verb) + " writes to standard output: " + text);
    return status;
  }

  void log(const std::string &defect) const {
    const std::string line = "cache '" + std::string(table_.plugin->name) + "': check_cache: " + defect;
    if (KVERN_HAS(host_, kvern_host, log)) host_->log(host_->ctx, KVERN_LOG_ERROR, line.c_str());
  }

  /// A verb: the inner cache's, then `after` where it succeeds. A Violation becomes the error.
  template <class Call, class After>
  static kvern_status run(const char *verb, kvern_error *error, Call call, After after) {
    try {
      const kvern_status status = quietly(verb, call);
      if (status == KVERN_OK) after();
      return status;
    } catch (const Violation &violation) {
      const std::string text = std::string("check_cache: ") + violation.what();
      error->code = KVERN_INTERNAL;
      std::strncpy(error->message, text.c_str(), sizeof error->message - 1);
      error->message[sizeof error->message - 1] = '\0';
      return KVERN_INTERNAL;
    } catch (const std::bad_alloc &) {
      std::strcpy(error->message, "check_cache: no memory to keep the keys and values beside the cache");
      return error->code = KVERN_OUT_OF_MEMORY;
    }
  }
  template <class Call>
  static kvern_status run(const char *verb, kvern_error *error, Call call) {
    return run(verb, error, call, [] {});
  }

  // ---- a step

  static kvern_status begin(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
    Checked &it = self(cache);
    return run(
        "begin", error, [&] { return it.cache_->ops->begin(it.cache_, step, error); },
        [&] {
          it.step_ = *step;
          if (it.row_end_.size() != static_cast<std::size_t>(step->rows)) it.set_rows(step->rows);
        });
  }

  static kvern_status view(kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
    Checked &it = self(cache);
    it.enter(layer);
    return run(
        "view", error, [&] { return it.cache_->ops->view(it.cache_, layer, view, error); },
        [&] { it.check_view(layer, *view, false); });
  }

  static kvern_status update(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v,
                             DLTensor *out_k, DLTensor *out_v, kvern_error *error) {
    Checked &it = self(cache);
    it.enter(layer);
    const auto call = [&] {
      const DLTensor *own_k = it.lend(layer, k), *own_v = it.lend(layer, v);
      return it.cache_->ops->update(it.cache_, layer, own_k, own_v, out_k, out_v, error);
    };
    return run("update", error, call, [&] {
      if (k) it.record(layer, *k, v);
      if (!out_k) return;
      const kvern_view view = it.view_of(layer, error);
      if (it.is_exported(layer, view, *out_k, out_v))
        it.check_exported(layer, view, *out_k, out_v);  // else the host says so
    });
  }

  static kvern_status attend(kvern_cache *cache, const kvern_attend *request, kvern_error *error) {
    Checked &it = self(cache);
    it.enter(request->layer);
    const auto call = [&] {
      kvern_attend own = *request;
      own.k = it.lend(request->layer, request->k);
      own.v = it.lend(request->layer, request->v);
      return it.cache_->ops->attend(it.cache_, &own, error);
    };
    return run("attend", error, call, [&] {
      if (request->k) it.record(request->layer, *request->k, request->v);
      it.check_attended(*request, error);
    });
  }

  static kvern_status state(kvern_cache *cache, int32_t layer, int32_t slot, DLTensor *read, DLTensor *write,
                            kvern_error *error) {
    Checked &it = self(cache);
    it.enter(layer);
    return run("state", error,
               [&] { return it.cache_->ops->state(it.cache_, layer, slot, read, write, error); });
  }

  static kvern_status end(kvern_cache *cache, int64_t n_keep, kvern_error *error) {
    Checked &it = self(cache);
    it.enter(-1);
    return run(
        "end", error, [&] { return it.cache_->ops->end(it.cache_, n_keep, error); },
        [&] { it.commit([n_keep](int64_t) { return n_keep; }, error); });
  }
  static kvern_status end_rows(kvern_cache *cache, const int64_t *row_keep, kvern_error *error) {
    Checked &it = self(cache);
    it.enter(-1);
    return run(
        "end_rows", error, [&] { return it.cache_->ops->end_rows(it.cache_, row_keep, error); },
        [&] { it.commit([row_keep](int64_t row) { return row_keep[row]; }, error); });
  }

  // ---- between steps

  static kvern_status reset(kvern_cache *cache, kvern_error *error) {
    Checked &it = self(cache);
    return run(
        "reset", error, [&] { return it.cache_->ops->reset(it.cache_, error); },
        [&] { it.set_rows(0), it.counts_ = true; });
  }
  static kvern_status info(const kvern_cache *cache, int32_t layer, kvern_info *info, kvern_error *error) {
    const Checked &it = self(cache);
    return run("info", error, [&] { return it.cache_->ops->info(it.cache_, layer, info, error); });
  }
  static kvern_status gather(kvern_cache *cache, const int64_t *rows, int64_t n, kvern_error *error) {
    Checked &it = self(cache);
    return run(
        "gather", error, [&] { return it.cache_->ops->gather(it.cache_, rows, n, error); },
        [&] {
          for (LayerHistory &layer : it.history_) layer.gather(rows, n);
          std::vector<int64_t> ends;
          for (int64_t i = 0; i < n; ++i) {
            const bool held = rows[i] >= 0 && rows[i] < static_cast<int64_t>(it.row_end_.size());
            ends.push_back(held ? it.row_end_[static_cast<std::size_t>(rows[i])] : 0);
          }
          it.row_end_ = std::move(ends);
        });
  }
  static kvern_status append(kvern_cache *cache, const kvern_cache *from, kvern_error *error) {
    Checked &it = self(cache);
    const Checked &other = self(from);
    return run(
        "append", error, [&] { return it.cache_->ops->append(it.cache_, other.cache_, error); },
        [&] {
          for (std::size_t i = 0; i < it.history_.size(); ++i) it.history_[i].append(other.history_[i]);
          it.row_end_.insert(it.row_end_.end(), other.row_end_.begin(), other.row_end_.end());
          it.counts_ = it.counts_ && other.counts_;
        });
  }
  static kvern_status truncate(kvern_cache *cache, const int64_t *row_pos, kvern_error *error) {
    Checked &it = self(cache);
    return run(
        "truncate", error, [&] { return it.cache_->ops->truncate(it.cache_, row_pos, error); },
        [&] {
          for (std::size_t row = 0; row < it.row_end_.size(); ++row)
            it.cut(static_cast<int64_t>(row), std::min(it.row_end_[row], row_pos[row]));
        });
  }
  static kvern_status clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error) {
    const Checked &it = self(cache);
    OwnedCache copy;
    const auto call = [&] {
      kvern_cache *made = nullptr;
      const kvern_status status = it.cache_->ops->clone(it.cache_, &made, error);
      if (status == KVERN_OK) copy.reset(made);
      return status;
    };
    return run("clone", error, call, [&] {
      auto made = std::make_unique<Checked>(it.host_, copy.get(), it.layers_, it.type_);
      static_cast<void>(copy.release());  // made owns it
      made->counts_ = it.counts_;
      made->history_ = it.history_;
      made->row_end_ = it.row_end_;
      *out = made.release();
    });
  }
  static kvern_status save(const kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error) {
    const Checked &it = self(cache);
    return run("save", error, [&] { return it.cache_->ops->save(it.cache_, stream, error); });
  }
  static kvern_status load(kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error) {
    Checked &it = self(cache);
    it.set_rows(0);
    it.counts_ = false;  // which tokens came is the cache's to know
    return run(
        "load", error, [&] { return it.cache_->ops->load(it.cache_, stream, error); },
        [&] { it.set_rows(it.info_of(error).rows); });
  }
  static const void *get_extension(const kvern_cache *cache, const char *id) {
    return self(cache).cache_->ops->get_extension(self(cache).cache_, id);
  }

  // ---- what is kept beside the cache

  void set_rows(int64_t rows) {
    row_end_.assign(static_cast<std::size_t>(rows), 0);
    for (LayerHistory &layer : history_) layer.set_rows(rows);
  }
  void cut(int64_t row, int64_t end) {
    row_end_[static_cast<std::size_t>(row)] = end;
    for (LayerHistory &layer : history_) layer.cut(row, end);
  }

  /// Keys and values of the layer that was at work are no longer lent.
  void enter(int32_t layer) {
    if (layer == working_) return;
    if (working_ >= 0) lent_[static_cast<std::size_t>(working_)].end();
    working_ = layer;
  }
  const DLTensor *lend(int32_t layer, const DLTensor *tensor) {
    return tensor ? lent_[static_cast<std::size_t>(layer)].lend(*tensor) : nullptr;
  }

  int64_t new_tokens(int64_t row) const { return step_.row_new ? step_.row_new[row] : step_.n_new; }

  void record(int32_t number, const DLTensor &k, const DLTensor *v) {
    if (layers_[static_cast<std::size_t>(number)].kind != KVERN_LAYER_ATTENTION) return;
    const int64_t missing = step_.n_new - k.shape[2];  // of an import
    for (int64_t row = 0; row < step_.rows; ++row)
      history_[static_cast<std::size_t>(number)].store(row, step_.row_pos[row] + missing,
                                                       new_tokens(row) - missing, k, v);
  }

  template <class Keep>
  void commit(Keep keep, kvern_error *error) {
    int64_t tokens = 0;
    for (int64_t row = 0; row < step_.rows; ++row) {
      const int64_t kept = std::min(keep(row), new_tokens(row));
      const int64_t end = kept > 0 ? step_.row_pos[row] + kept : row_end_[static_cast<std::size_t>(row)];
      cut(row, end);
      tokens = std::max(tokens, end);
    }
    if (!counts_) return;
    const int64_t said = info_of(error).tokens;  // 0: the cache keeps nothing
    expect(said == tokens || said == 0, "info says that " + std::to_string(said) + " tokens are held, " +
                                            std::to_string(tokens) + " were committed");
  }

  kvern_info info_of(kvern_error *error) const {
    kvern_info info{};
    info.struct_size = sizeof info;
    expect(cache_->ops->info(cache_, -1, &info, error) == KVERN_OK, "info fails");
    return info;
  }

  // ---- the checks

  kvern_view view_of(int32_t layer, kvern_error *error) const {
    kvern_view view{};
    view.struct_size = sizeof view;
    expect(cache_->ops->view(cache_, layer, &view, error) == KVERN_OK, "view fails after update or attend");
    return view;
  }

  /// exported: all new tokens must be there; a view of which nothing is exported may be that of some queries alone.
  void check_view(int32_t number, const kvern_view &view, bool exported) const {
    const kvern_layer &layer = layers_[static_cast<std::size_t>(number)];
    if (layer.kind != KVERN_LAYER_ATTENTION || (view.kv_len > 0 && !view.first_pos && !view.key_pos)) return;
    const int64_t heads = view.key_pos && view.head_stride != 0 ? layer.kv_heads : 1;
    for (int64_t row = 0; row < step_.rows; ++row)
      for (int64_t head = 0; head < heads; ++head) check_positions(number, view, row, head, exported);
  }

  void check_positions(int number, const kvern_view &view, int64_t row, int64_t head, bool exported) const {
    const int64_t count = new_tokens(row);
    if (count == 0) return;
    std::set<int64_t> held;
    const int64_t last = query_position(view, step_, row, count - 1);
    for (int64_t slot = 0; slot < view.kv_len; ++slot) {
      const int64_t position = key_position(view, row, head, slot);
      if (position < 0) continue;
      expect(held.insert(position).second, "view shows two keys at " + in_row(position, number, row));
      expect(position <= last, "view shows a key at " + in_row(position, number, row) +
                                   ", whose last token is at position " + std::to_string(last));
    }
    for (int64_t i = 0; exported && i < count && (step_.flags & KVERN_STEP_IMPORT) == 0; ++i) {
      const int64_t position = query_position(view, step_, row, i);
      expect(position < 0 || held.count(position) == 1,
             "view lacks the new token at " + in_row(position, number, row));
    }
  }

  bool in_keys(int32_t number) const {
    return (layers_[static_cast<std::size_t>(number)].flags & KVERN_VALUES_IN_KEYS) != 0;
  }

  /// Whether what was exported may be read.
  bool is_exported(int32_t number, const kvern_view &view, const DLTensor &k, const DLTensor *v) const {
    const kvern_layer &layer = layers_[static_cast<std::size_t>(number)];
    const auto shaped = [&](const DLTensor &tensor, int64_t dim) {
      return is_shaped(tensor, type_, step_.rows, layer.kv_heads, view.kv_len, dim);
    };
    return shaped(k, layer.head_dim_k) && (!v || in_keys(number) || shaped(*v, layer.head_dim_v));
  }

  void check_exported(int32_t number, const kvern_view &view, const DLTensor &k, const DLTensor *v) const {
    const kvern_layer &layer = layers_[static_cast<std::size_t>(number)];
    const bool values = v && !in_keys(number);
    check_view(number, view, true);
    require_finite(k, number, "key");
    if (values) require_finite(*v, number, "value");
    if (layer.kind != KVERN_LAYER_ATTENTION || view.q_pos) return;  // which key is whose cannot be known
    const bool raw = (view.flags & KVERN_VIEW_RAW_K) != 0;
    history_[static_cast<std::size_t>(number)].check(number, view, k, values ? v : nullptr, !raw);
  }

  void check_attended(const kvern_attend &request, kvern_error *error) {
    const kvern_view view = view_of(request.layer, error);
    DLTensor k{}, v{};
    const kvern_status status = quietly("update", [&] {
      return cache_->ops->update(cache_, request.layer, nullptr, nullptr, &k, &v, error);
    });
    if (status == KVERN_UNSUPPORTED) return;
    if (status == KVERN_OUT_OF_MEMORY) throw std::bad_alloc();
    expect(status == KVERN_OK, "update that only reads fails after attend");
    expect(is_exported(request.layer, view, k, &v),
           "update after attend exports another shape or type than view reported");
    check_exported(request.layer, view, k, &v);
    if ((view.flags & KVERN_VIEW_RAW_Q) != 0 || view.kv_len == 0) return;
    const std::vector<int64_t> positions = positions_of_queries(request, view);
    const int64_t *shape = request.q->shape;
    const auto sample = static_cast<int64_t>(samples_++);
    const int64_t row = sample % shape[0];
    const int64_t count = request.causal ? new_tokens(row) : shape[2];
    if (count == 0) return;
    const int64_t query = std::max<int64_t>(0, count - 1 - sample / 7 % 3);
    kvern_attend narrowed = request;
    narrowed.window = static_cast<int32_t>(window_in(*cache_, request.layer, request.window));
    check_attention(
        {narrowed, view, k, in_keys(request.layer) ? k : v, request.causal ? positions.data() : nullptr}, row,
        sample / 3 % shape[1], query);
  }

  std::vector<int64_t> positions_of_queries(const kvern_attend &request, const kvern_view &view) const {
    std::vector<int64_t> positions;
    for (int64_t row = 0; row < step_.rows && request.causal; ++row)
      for (int64_t i = 0; i < step_.n_new; ++i) positions.push_back(query_position(view, step_, row, i));
    return positions;
  }

  const kvern_host *host_;
  kvern_cache *cache_;
  std::vector<kvern_layer> layers_;
  DLDataType type_;  // of keys and values
  kvern_cache_ops table_{};
  std::vector<LayerHistory> history_;
  std::vector<LentTensors> lent_;
  std::vector<int64_t> row_end_;  // the position after each row's last committed token
  kvern_step step_{};             // its arrays live until end
  int32_t working_ = -1;          // the layer whose keys are lent
  uint64_t samples_ = 0;
  bool counts_ = true;  // row_end_ is known of all rows
};

}  // namespace

kvern_cache *checked_cache(const kvern_host *host, kvern_cache *cache, const kvern_create &create) {
  std::vector<kvern_layer> layers;
  for (uint32_t i = 0; i < create.n_layers; ++i) layers.push_back(*create.layers[i]);
  return new Checked(host, cache, std::move(layers), create.dtype);
}

}  // namespace kvern::conformance

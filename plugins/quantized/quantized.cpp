// The cache that keeps old tokens in a few bits and recent ones as they came, and attends on both where they lie.
#include <kvern/abi/parallel.h>
#include <kvern/sdk/late_import.hpp>
#include <kvern/sdk/plugin.hpp>
#include <optional>

#include "plugins/quantized/attend.hpp"

namespace kvern::quantized {
namespace {

class Quantized {
 public:
  static constexpr const char *name = "quantized", *version = "1.0.0",
                              *summary = "keeps old tokens at 8, 4, 3, 2 or 1 bits, recent ones in full";
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Quantized(const sdk::Create &create)
      : settings_(read_settings(create.options)),
        host_(create.host),
        type_(create.type),
        parallel_(create.host.extension<kvern_parallel_1>(KVERN_PARALLEL_1)),
        attention_(settings_.arithmetic) {
    sdk::require_attention_layers(create);
    to_kernel(create.type);
    int64_t count = 0, number = 0;
    for (const sdk::Layer &layer : create.layers) count += layer.kind == KVERN_LAYER_ATTENTION;
    for (std::size_t i = 0; i < create.layers.size(); ++i) {
      layers_.emplace_back();
      if (create.layers[i].kind != KVERN_LAYER_ATTENTION) continue;
      const int64_t tokens = format_of(settings_, create.layers[i]).tokens;
      layers_.back().emplace(sdk::LayerCreate{create, static_cast<int>(i), create.layers[i]}, settings_,
                             tokens * number++ / count);
    }
  }

  void begin(const sdk::Step &step) {
    slots_.check(step);
    const bool reads = step.n_new == 0 || reads_;
    all_or_nothing(
        [&](QuantizedLayer &layer, std::size_t) { layer.open(step.rows, slots_.held(), step.n_new); },
        [&] {
          each([&](QuantizedLayer &layer) { layer.open_long(step.rows, slots_.held(), step.n_new); });
          if (reads) make_unpacked(step.rows, slots_.held() + step.n_new);
          slots_.open(step);
        });
    reads_ = false;
    step_ = &step;
  }

  void view(int, kvern_view &view) { slots_.view(view); }

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (out_k && !layers_[layer]->all_dense()) make_unpacked(step_->rows, slots_.size());
    if (k) store(layer, *k, v);
    if (out_k) read(layer, out_k, out_v);
  }

  void attend(const kvern_attend &request) {
    if (request.k) store(request.layer, *request.k, request.v);
    attention_.run(request, *layers_[request.layer], slots_, *step_, parallel());
  }

  void end(int64_t n_keep) {
    close([n_keep](int64_t) { return n_keep; });
  }
  void end_rows(sdk::Rows row_keep) {
    close([row_keep](int64_t row) { return row_keep[row]; });
  }

  void reset() {
    slots_.clear();
    each([](QuantizedLayer &layer) { layer.release(); });
    forget_unpacked();
  }

  void info(int only, kvern_info &info) const {
    info.tokens = slots_.tokens();
    info.rows = slots_.rows();
    info.capacity = info.max_new = info.rollback = -1;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (!layers_[i] || (only >= 0 && only != static_cast<int>(i))) continue;
      info.bytes_device += layers_[i]->bytes();
      info.bytes_used += layers_[i]->bytes_used(slots_.held());
    }
    if (only < 0) info.bytes_device += unpacked_k_.bytes() + unpacked_v_.bytes();
  }

  void gather(sdk::Rows rows) {
    const auto count = static_cast<int64_t>(rows.size());
    if (count > slots_.rows()) {
      all_or_nothing([&](QuantizedLayer &layer, std::size_t) { layer.grow_rows(count, slots_.held()); },
                     [] {});
    }
    each([&](QuantizedLayer &layer) { layer.gather(rows, slots_.held(), scratch_); });
    slots_.gather(rows);
    drop_front();
  }

  void append(const Quantized &from) {
    if (from.slots_.held() == 0) return;
    const int64_t held = slots_.held(), theirs = from.slots_.held(), size = std::max(held, theirs);
    sdk::Slots joined = slots_;
    joined.append(from.slots_);
    std::vector<std::vector<PackedRow>> packed(layers_.size());
    all_or_nothing(
        [&](QuantizedLayer &layer, std::size_t i) {
          packed[i] = layer.prepare_append(*from.layers_[i], held, theirs, size);
        },
        [] {});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i]) layers_[i]->append(*from.layers_[i], std::move(packed[i]), held, theirs, size);
    }
    slots_ = std::move(joined);
  }

  void truncate(sdk::Rows row_pos) {
    slots_.truncate(row_pos);
    each([&](QuantizedLayer &layer) { layer.truncate(slots_.held()); });
  }

  std::unique_ptr<Quantized> clone() const { return std::unique_ptr<Quantized>(new Quantized(*this)); }

  void save(sdk::Writer &out) const {
    visit_settings([&](const char *, int64_t value) { out.number(value); });
    slots_.save(out);
    for (const auto &layer : layers_) {
      if (layer) layer->save(out, slots_.held());
    }
  }

  void load(sdk::Reader &in) {
    visit_settings([&](const char *what, int64_t value) { in.expect(what, value); });
    slots_.clear();
    sdk::Slots loaded;
    loaded.load(in);
    each([&](QuantizedLayer &layer) {
      layer.load(in, loaded.rows(), loaded.held());
      for (int64_t row = 0; row < loaded.rows(); ++row)
        check_hidden(loaded, row, layer.packed().row(row).begin);
    });
    slots_ = std::move(loaded);
  }

 private:
  Quantized(const Quantized &other)
      : settings_(other.settings_),
        host_(other.host_),
        type_(other.type_),
        parallel_(other.parallel_),
        slots_(other.slots_),
        attention_(settings_.arithmetic) {
    for (const auto &layer : other.layers_) {
      layers_.emplace_back();
      if (layer) layers_.back().emplace(*layer, slots_.held());
    }
  }

  template <class Do>
  void each(Do &&call) {
    for (auto &layer : layers_) {
      if (layer) call(*layer);
    }
  }

  /// Makes room in every layer, make(layer, its number), and does what is left, or takes all of it back.
  template <class Make, class Rest>
  void all_or_nothing(Make make, Rest rest) {
    std::size_t i = 0;
    try {
      for (; i < layers_.size(); ++i) {
        if (layers_[i]) make(*layers_[i], i);
      }
      rest();
    } catch (...) {
      for (std::size_t j = 0; j < layers_.size() && j <= i; ++j) {
        if (layers_[j]) layers_[j]->abandon(slots_.held());
      }
      throw;
    }
  }

  kernels::Parallel parallel() const {
    if (!parallel_) return kernels::serial();
    return {parallel_->threads(parallel_->ctx), parallel_->ctx, parallel_->run};
  }

  void store(int number, const DLTensor &k, const DLTensor *v) {
    QuantizedLayer &layer = *layers_[number];
    const int64_t missing = sdk::missing_columns(*step_, number, layer.shape(), k.shape[2]),
                  held = slots_.held();
    layer.store(held + missing, k, v);
    for (int64_t row = 0; row < step_->rows && (missing > 0 || step_->ragged); ++row) {
      if (missing > 0) layer.clear(row, held, held + missing);
      if (step_->row_new[row] < step_->n_new)
        layer.clear(row, held + step_->row_new[row], held + step_->n_new);
    }
  }

  /// What is unpacked for one layer at a time: memory is taken by begin where the step only reads or the last step asked
  /// for it, else by the first update that asks.
  void make_unpacked(int64_t rows, int64_t columns) {
    int64_t k = 0, v = 0;
    bool packed = false;
    each([&](QuantizedLayer &layer) {
      k = std::max<int64_t>(k, int64_t{layer.shape().kv_heads} * layer.shape().head_dim_k);
      v = std::max<int64_t>(v, int64_t{layer.shape().kv_heads} * layer.shape().head_dim_v);
      packed = packed || !layer.all_dense();
    });
    if (!packed || (unpacked_k_ && unpacked_k_.size(0) >= rows * columns)) return;
    columns += columns / 8;
    forget_unpacked();
    unpacked_k_ = sdk::Buffer(host_, -1, type_, {rows * columns, k});
    unpacked_v_ = sdk::Buffer(host_, -1, type_, {rows * columns, v});
  }

  void forget_unpacked() {
    unpacked_k_ = sdk::Buffer();
    unpacked_v_ = sdk::Buffer();
  }

  void read(int number, DLTensor *out_k, DLTensor *out_v) {
    const QuantizedLayer &layer = *layers_[number];
    const int64_t rows = step_->rows, size = slots_.size();
    if (layer.all_dense()) return layer.read_dense(size, out_k_, out_k, out_v_, out_v);
    reads_ = true;
    const auto hand_out = [&](sdk::OutTensor &holder, DLTensor *out, const sdk::Buffer &buffer, int64_t dim) {
      const int64_t heads = layer.shape().kv_heads;
      holder.hand_out(out, buffer.fill({0, 0, rows * size}), host_.device(), type_, {rows, heads, size, dim},
                      {heads * size * dim, size * dim, dim});
    };
    hand_out(out_k_, out_k, unpacked_k_, layer.shape().head_dim_k);
    hand_out(out_v_, out_v, unpacked_v_, layer.shape().head_dim_v);
    layer.unpack(size, *out_k, *out_v, parallel());
  }

  template <class Keep>
  void close(Keep keep) {
    slots_.close(*step_, keep);
    const kernels::Parallel threads = parallel();
    each([&](QuantizedLayer &layer) { layer.close(slots_.held(), threads); });
    if (!reads_ || step_->n_new == 0) {
      forget_unpacked();
      reads_ = false;
    }
  }

  /// Columns that no row has any more, since the longest rows are gone.
  void drop_front() {
    int64_t least = slots_.held();
    each([&](QuantizedLayer &layer) { least = std::min(least, layer.packed().least_begin()); });
    if (least == 0) return;
    slots_.drop_front(least);
    each([&](QuantizedLayer &layer) { layer.drop_front(least); });
  }

  static void check_hidden(const sdk::Slots &slots, int64_t row, int64_t columns) {
    const int64_t first = slots.linear() ? std::max<int64_t>(0, columns - 1) : 0;
    for (int64_t column = first; column < columns; ++column) {
      if (slots.position(row, column) < 0) continue;
      sdk::fail(KVERN_BAD_DATA, "the saved cache has no keys for position ", slots.position(row, column),
                " of row ", row);
    }
  }

  /// What a saved cache must have in common with the one that loads it, beside the layers.
  template <class Visit>
  void visit_settings(Visit visit) const {
    visit("key_nbits", settings_.key.bits);
    visit("value_nbits", settings_.value.bits);
    visit("axis_key", settings_.key.axis == quant::Axis::channel);
    visit("axis_value", settings_.value.axis == quant::Axis::channel);
    visit("q_group_size", settings_.key.group);
    visit("residual_length", settings_.residual_length);
    visit("rotation", settings_.key.rotate);
  }

  Settings settings_;
  sdk::Host host_;
  DLDataType type_;
  const kvern_parallel_1 *parallel_;
  std::vector<std::optional<QuantizedLayer>> layers_;
  sdk::Slots slots_;
  Attention attention_;
  const sdk::Step *step_ = nullptr;
  bool reads_ = false;  // this step, or the one before, handed out what had to be unpacked
  sdk::Buffer unpacked_k_, unpacked_v_;
  sdk::OutTensor out_k_, out_v_;
  std::vector<std::byte> scratch_;
};

}  // namespace
}  // namespace kvern::quantized

KVERN_PLUGIN(kvern::quantized::Quantized)

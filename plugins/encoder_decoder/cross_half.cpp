#include "plugins/encoder_decoder/cross_half.hpp"

#include <algorithm>

namespace kvern::encoder_decoder {
namespace {

/// The CROSS layers as ATTENTION layers, all others as NONE.
class CrossLayers {
 public:
  explicit CrossLayers(const kvern_create &create) {
    layers_.reserve(create.n_layers);
    for (uint32_t i = 0; i < create.n_layers; ++i) {
      kvern_layer &layer = layers_.emplace_back(sdk::known_part(*create.layers[i]));
      layer.kind = layer.kind == KVERN_LAYER_CROSS ? KVERN_LAYER_ATTENTION : KVERN_LAYER_NONE;
      layer.window = 0;
    }
    for (const kvern_layer &layer : layers_) pointers_.push_back(&layer);
  }
  CrossLayers(const CrossLayers &) = delete;
  const kvern_layer *const *data() const { return pointers_.data(); }

 private:
  std::vector<kvern_layer> layers_;
  std::vector<const kvern_layer *> pointers_;
};

sdk::Inner make(const sdk::Create &create, const kvern_plugin &plugin, sdk::OptionItems options) {
  const CrossLayers layers(*create.raw);
  kvern_create inner = *create.raw;
  inner.layers = layers.data();
  inner.options = options.data();
  inner.n_options = static_cast<uint32_t>(options.size());
  inner.max_tokens = create.max_cross;
  inner.max_cross = 0;
  return sdk::Inner(create.host.table(), plugin, inner);
}

constexpr int64_t kMaxRows = int64_t{1} << 16, kMaxLength = int64_t{1} << 40;

}  // namespace

CrossHalf::CrossHalf(const sdk::Create &create, const kvern_plugin &plugin, sdk::OptionItems options)
    : held_(make(create, plugin, options)), coming_(make(create, plugin, options)) {}

CrossHalf::CrossHalf(const CrossHalf &other)
    : held_(other.held_.clone()), coming_(other.coming_.clone()), lengths_(other.lengths_) {}

void CrossHalf::begin(sdk::Inner &inner, const sdk::Step &step, int64_t n_new, const int64_t *row_pos) {
  const bool ragged = std::any_of(step.row_cross.begin(), step.row_cross.end(),
                                  [&](int64_t length) { return length != step.n_cross; });
  kvern_step raw = step.raw();
  raw.flags &= KVERN_STEP_IMPORT;
  raw.n_new = n_new;
  raw.row_pos = row_pos;
  raw.row_new = ragged ? step.row_cross.data() : nullptr;
  raw.n_cross = 0;
  raw.row_cross = nullptr;
  inner.begin(raw);
}

void CrossHalf::begin(const sdk::Step &step) {
  zeros_.assign(static_cast<std::size_t>(step.rows), 0);
  new_lengths_ = step.row_cross;
  n_cross_ = step.n_cross;
  if (n_cross_ > 0) {
    begin(holds() ? coming_ : held_, step, n_cross_, zeros_.data());
    replaces_ = holds();
    return;
  }
  if (holds() && step.rows != rows())
    sdk::fail(KVERN_INVALID_ARGUMENT, "a step of ", step.rows, " rows on the encoder's keys of ", rows());
  begin(held_, step, 0, holds() ? lengths_.data() : zeros_.data());
}

/// Every query sees all keys, and nothing rotates them: positions of queries do not matter.
void CrossHalf::view(int layer, kvern_view &view) {
  active().view(layer, view);
  view.q_pos = nullptr;
  view.flags = 0;
}

void CrossHalf::update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
  active().update(layer, k, v, out_k, out_v);
}

void CrossHalf::attend(const kvern_attend &request) {
  if (!offers(sdk::Verb::attend))
    sdk::fail(KVERN_UNSUPPORTED, "cross_attention leaves attention to the host");
  active().attend(request);
}

void CrossHalf::end(bool keep) {
  const bool replaced = std::exchange(replaces_, false), kept = keep && n_cross_ > 0;
  sdk::Inner &inner = replaced ? coming_ : held_;
  inner.end(kept ? n_cross_ : 0);
  if (replaced && kept) std::swap(held_, coming_);
  if (replaced) coming_.reset();
  if (!kept && !holds()) held_.reset();
  if (!kept) return;
  lengths_.swap(new_lengths_);
  if (held_.info(-1).rows == 0) lengths_.clear();
}

void CrossHalf::reset() {
  held_.reset();
  coming_.reset();
  lengths_.clear();
}

void CrossHalf::add_bytes(int layer, kvern_info &info) const {
  for (const sdk::Inner *inner : {&held_, &coming_}) {
    const kvern_info one = inner->info(layer);
    const bool known = one.bytes_used >= 0 && info.bytes_used >= 0;
    info.bytes_device += one.bytes_device;
    info.bytes_host += one.bytes_host;
    info.bytes_used = known ? info.bytes_used + one.bytes_used : -1;
  }
}

void CrossHalf::gather(sdk::Rows rows) {
  std::vector<int64_t> lengths;
  for (const int64_t row : rows) lengths.push_back(lengths_[row]);
  held_.gather(rows);
  lengths_ = std::move(lengths);
}

void CrossHalf::append(const CrossHalf &from) {
  std::vector<int64_t> lengths = lengths_;
  lengths.insert(lengths.end(), from.lengths_.begin(), from.lengths_.end());
  held_.append(from.held_);
  lengths_ = std::move(lengths);
}

void CrossHalf::save(sdk::Writer &out) const {
  out.number(rows());
  for (const int64_t length : lengths_) out.number(length);
  held_.save(out);
}

void CrossHalf::load(sdk::Reader &in) {
  reset();
  const int64_t rows = in.integer("rows of an encoder", 0, kMaxRows);
  std::vector<int64_t> lengths;
  for (int64_t row = 0; row < rows; ++row) lengths.push_back(in.integer("keys of an encoder", 0, kMaxLength));
  held_.load(in);
  if (held_.info(-1).rows != rows)
    sdk::fail(KVERN_BAD_DATA, "the saved cache has the encoder's keys of ", held_.info(-1).rows,
              " rows and lengths of ", rows);
  lengths_ = std::move(lengths);
}

}  // namespace kvern::encoder_decoder
